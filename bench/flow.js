// What the engine is given here: weights in the chunks that a network would bring, and tasks.

import { FileHead } from '/engine/glassformer.js'

const CHUNK = 1 << 18

/** A task of rows that take the likeliest token, `maxTokens` of them whatever they are. */
export function taskOf(rows, maxTokens, ringCapacity) {
  const rest = { prefix: new Uint32Array(), maxTokens, endTokens: new Uint32Array(), sampling: null }
  const inputs = rows.map((ids) => ({ tokens: Uint32Array.from(ids), ...rest }))
  return { inputs, candidates: 1, trace: [], ringCapacity, sinks: 0 }
}

/** The model of a file, once `source`, its bytes or the stream of them, has gone by. */
export async function flow(engine, source, total, { config = '', generation = '', storage = '' }) {
  const head = new FileHead(total)
  const begin = () => engine.load(config, generation, head, storage, '')
  let loading = null
  for await (const chunk of source instanceof Uint8Array ? pieces(source) : read(source)) {
    if (loading) loading.feed(chunk)
    else if (head.push(chunk)) loading = begin()
  }
  return (loading ?? begin()).finish()
}

function* pieces(bytes) {
  for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK)
}

async function* read(stream) {
  const reader = stream.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
}
