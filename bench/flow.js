// Weights on their way to the engine, in the chunks that a network would bring.

import { FileHead } from '/engine/glassformer.js'

const CHUNK = 1 << 18

/** What `begin(head)` makes of the head of a file, once `bytes`, or the stream of them, are all fed. */
export async function flow(source, total, begin) {
  const head = new FileHead(total)
  let loading = null
  for await (const chunk of source instanceof Uint8Array ? pieces(source) : read(source)) {
    if (loading) loading.feed(chunk)
    else if (head.push(chunk)) loading = begin(head)
  }
  return (loading ?? begin(head)).finish()
}

function* pieces(bytes) {
  for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK)
}

async function* read(stream) {
  const reader = stream.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
}
