// What translating costs: the engine on a random model of the shape that peers were measured with.

import init, { Engine } from '/engine/glassformer.js'
import { flow, taskOf } from './flow.js'
import { profile } from './generate.js'
import { randomModel, SHAPE } from './random_model.js'

const SOURCE_TOKENS = 12
const STEPS = 32

/** All figures of one storage; times in milliseconds, sizes in bytes. */
export async function measureDecoding(storage) {
  await init({ module_or_path: '/engine/glassformer_bg.wasm' })
  const { config, generation, weights } = randomModel(SHAPE)
  const begun = performance.now()
  const engine = await Engine.create('gpu')
  const model = await flow(engine, weights, weights.length, { config, generation, storage })
  await model.warmUp()
  const loaded = performance.now() - begun
  const first = await measure(model, 1, 1)
  const alone = []
  const batched = []
  // In turn, so that a machine whose speed drifts does so for both.
  for (let i = 0; i < 5; i++) {
    alone.push(await measure(model, 1, STEPS))
    batched.push(await measure(model, 8, STEPS))
  }
  const decoding = await begin(model, 1)
  await decoding.next(1)
  const figures = {
    storage,
    adapter: engine.adapter,
    parameters: model.facts.parameters,
    loadMilliseconds: loaded,
    firstTokenMilliseconds: loaded + first.milliseconds,
    tokensPerSecond: STEPS / median(alone, 'milliseconds') * 1000,
    batchTokensPerSecond: 8 * STEPS / median(batched, 'milliseconds') * 1000,
    hostMicrosecondsPerToken: median(alone, 'host') / STEPS * 1000,
    dispatchesPerToken: decoding.dispatches,
    weightBytes: model.facts.weightBytes,
    allocatedBytes: engine.allocatedBytes(),
    kernels: { 1: await profileLater(decoding), 8: await profileLater(await begin(model, 8)) },
  }
  model.dispose()
  engine.dispose()
  return figures
}

function begin(model, batch) {
  const last = SOURCE_TOKENS - 1
  const source = Array.from({ length: SOURCE_TOKENS }, (_, i) => (i === last ? 0 : 5 + 37 * i))
  return model.begin(taskOf(Array(batch).fill(source), 2 * STEPS, 2 * STEPS))
}

/** From the source's ids to `steps` tokens; `host` is what recording and submitting takes of it. */
async function measure(model, batch, steps) {
  const decoding = await begin(model, batch)
  // The first run of a batch size makes its pipelines.
  if (steps > 1) await decoding.next(1)
  const begun = performance.now()
  const next = decoding.next(steps)
  // The engine records and submits in a microtask of its own.
  for (let i = 0; i < 3; i++) await null
  const host = performance.now() - begun
  const got = await next
  const milliseconds = performance.now() - begun
  if (got.length !== steps) throw new Error(`${got.length} steps instead of ${steps}`)
  decoding.dispose()
  return { milliseconds, host }
}

async function profileLater(decoding) {
  await decoding.next(16)
  return profile(decoding)
}

function median(runs, key) {
  const sorted = runs.map((run) => run[key]).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}
