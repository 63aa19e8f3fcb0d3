// What generating costs: the engine on decoder-only models, beside a peer on the same file.

import init, { Engine } from '/engine/glassformer.js'
import { flow, taskOf } from './flow.js'
import { GPT2, randomGpt2 } from './random_model.js'

const STEPS = 48
const ROUNDS = 3

/** SmolLM2 in turn with wllama, and its steps early and late in a long text. */
export async function measureSmolLM2({ url, story, article, threads, positions }) {
  const { loadWllama } = await import('./wllama.js')
  const ours = await open({ url, storage: '' })
  const peer = await loadWllama(url, threads)
  const [own, theirs] = await measureInTurn([ours, peer], story, article)
  await peer.dispose()
  const figures = { ours: await ours.finish(own, story), peer: { ...peer.facts, ...theirs } }
  const capacity = 2 ** Math.ceil(Math.log2(Math.max(...positions)))
  for (const [name, position] of [['early', positions[0]], ['late', positions[1]]])
    figures[name] = await ours.stepAt(position, capacity, article.ids)
  ours.dispose()
  return figures
}

/** GPT-2 124M with random weights. */
export async function measureGpt2(storage) {
  const ours = await open({ ...randomGpt2(GPT2), storage })
  const prompt = (length) => ({ ids: Array.from({ length }, (_, i) => 100 + 37 * i) })
  const [own] = await measureInTurn([ours], prompt(8), prompt(200))
  const figures = await ours.finish(own, prompt(8))
  ours.dispose()
  return figures
}

/** A shipped model, in the files of its folder. */
export async function measureFolder(folder) {
  const text = async (name) => (await fetch(`${folder}${name}`)).text()
  const [config, generation] = [await text('config.json'), await text('generation_config.json')]
  const ours = await open({ url: `${folder}model.safetensors`, config, generation, storage: 'int8' })
  const prompt = (length) => ({ ids: Array.from({ length }, (_, i) => 10 + 3 * i) })
  const [own] = await measureInTurn([ours], prompt(4), prompt(64))
  const figures = await ours.finish(own, prompt(4))
  ours.dispose()
  return figures
}

/** Medians of decoding and prefill; in turn, so that a machine whose speed drifts does so for all. */
async function measureInTurn(models, short, long) {
  for (const model of models) await model.measure(long, 2)
  const runs = models.map(() => ({ decode: [], prefill: [] }))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, model] of models.entries()) {
      runs[i].decode.push((await model.measure(short, STEPS)).decode)
      runs[i].prefill.push((await model.measure(long, 1)).prefill)
    }
  }
  return runs.map(({ decode, prefill }) => ({ decode: median(decode), prefill: median(prefill) }))
}

/** Our model: of a file's address, or of its bytes. */
async function open({ url, weights, ...files }) {
  await init({ module_or_path: '/engine/glassformer_bg.wasm' })
  const begun = performance.now()
  const engine = await Engine.create('gpu')
  const response = url && (await fetch(url))
  const source = response ? response.body : weights
  const total = response ? Number(response.headers.get('content-length')) : weights.length
  const model = await flow(engine, source, total, files)
  await model.warmUp()
  const begin = (ids, maxTokens, ringCapacity = 1024) =>
    model.begin(taskOf([ids], maxTokens, ringCapacity))
  let firstTokenMilliseconds = 0

  /** Tokens a second of reading a prompt up to its first token, and of `steps` tokens after it. */
  async function measure({ ids }, steps) {
    const started = performance.now()
    const generation = await begin(ids, steps + 1)
    await generation.next(1)
    const read = performance.now()
    const got = await generation.next(steps)
    const written = performance.now()
    if (got.length !== steps) throw new Error(`${got.length} steps instead of ${steps}`)
    generation.dispose()
    firstTokenMilliseconds ||= read - begun
    return { prefill: (1000 * ids.length) / (read - started), decode: (1000 * steps) / (written - read) }
  }

  /** All figures, once the rates are known. */
  async function finish(rates, { ids }) {
    const generation = await begin(ids, 32)
    await generation.next(8)
    const { facts } = model
    const { dispatches, ringCapacity } = generation
    const allocatedBytes = engine.allocatedBytes()
    const kernels = await profile(generation)
    const sum = (key) => kernels.reduce((sum, kernel) => sum + kernel.count * (kernel[key] ?? 0), 0)
    const { layers, keyValueHeads, headWidth } = facts.decoder
    const ofLayers = kernels.filter(({ count }) => count % layers === 0)
    return {
      ...rates, facts, kernels, dispatches, allocatedBytes, firstTokenMilliseconds,
      adapter: engine.adapter,
      dispatchesPerLayer: ofLayers.reduce((sum, { count }) => sum + count / layers, 0),
      operations: sum('operations'),
      bytesRead: sum('weightBytes'),
      cacheBytes: layers * 2 * ringCapacity * keyValueHeads * headWidth * 4,
    }
  }

  /** A step at `position` of a text that repeats `ids`. */
  async function stepAt(position, capacity, ids) {
    const steps = 8
    const prompt = Array.from({ length: position - steps }, (_, i) => ids[i % ids.length])
    const generation = await begin(prompt, 64, capacity)
    await generation.next(4)
    const begun = performance.now()
    await generation.next(steps)
    const milliseconds = (performance.now() - begun) / steps
    const attention = (await profile(generation)).filter(({ label }) => label.startsWith('attention'))
    const microseconds = attention.reduce((sum, kernel) => sum + kernel.microseconds, 0)
    return { position, milliseconds, attentionMilliseconds: microseconds / 1000 }
  }

  return { measure, finish, stepAt, dispose: () => (model.dispose(), engine.dispose()) }
}

/** Kernels of a step, equal ones together. */
export async function profile(decoding) {
  const kinds = new Map()
  for (const { label, microseconds, operations, weightBytes } of await decoding.profile(20)) {
    const kind = kinds.get(label) ?? { label, count: 0, microseconds: 0, operations, weightBytes }
    kind.count++
    kind.microseconds += microseconds
    kinds.set(label, kind)
  }
  return [...kinds.values()]
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
