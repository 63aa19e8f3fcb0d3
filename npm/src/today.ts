// The engine's two kinds of models, wrapped as the one that raw.ts describes: until it is one itself.

import {
  Engine as WasmEngine,
  type Decoding,
  type FileHead,
  type Generator,
  type Model as Translator,
  type Writing,
} from '../engine/glassformer.js'
import type { Engine, Facts, Loading, Model, RawRow, RawStep, RawTask, Run } from './raw.js'

const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0 }

/** Opens `gpu` or `cpu`. */
export async function createEngine(device: string): Promise<Engine> {
  const engine = await WasmEngine.create(device)
  return {
    adapter: engine.adapter as Engine['adapter'],
    load(config, generationConfig, head, storage) {
      const all = [config, generationConfig, head as FileHead, storage] as const
      return translates(config)
        ? loading('translate', engine.beginTranslator(...all), translator)
        : loading('write', engine.beginGenerator(...all), generator)
    },
    allocatedBytes: () => engine.allocatedBytes(),
    dispose: () => engine.dispose(),
  }
}

function translates(config: string): boolean {
  try {
    return 'encoder_layers' in (JSON.parse(config) as object)
  } catch {
    return false
  }
}

function loading<M>(
  task: Facts['task'],
  begun: { feed(chunk: Uint8Array): void; finish(): M; free(): void },
  wrap: (model: M) => Model,
): Loading {
  return {
    task,
    feed: (chunk) => begun.feed(chunk),
    finish: () => wrap(begun.finish()),
    free: () => begun.free(),
  }
}

function translator(model: Translator): Model {
  return {
    facts: { ...(model.facts as Facts), task: 'translate' } as Facts,
    endTokens: Uint32Array.of(model.eosTokenId),
    sites: () => model.sites(),
    warmUp: () => model.warmUp(),
    async begin({ inputs, maxTokens, ringCapacity, ...rest }) {
      const options = { ...rest, maxTokens: maxTokens ?? 0, ringCapacity: ringCapacity ?? 0 }
      const decoding = await model.begin(inputs, options)
      const { trace } = decoding.encoded as Pick<RawStep, 'trace'>
      return run(decoding, [{ first: 0, trace }], 0)
    },
    reconsider: () => Promise.reject(new Error('This model does not write.')),
    dispose: () => model.dispose(),
  }
}

function generator(model: Generator): Model {
  return {
    facts: { ...(model.facts as Facts), task: 'write' } as Facts,
    endTokens: model.endTokens,
    sites: () => model.sites(),
    warmUp: () => model.warmUp(),
    begin: (task) => (task.inputs.length === 1 ? beginRow(model, task, 0) : oneByOne(model, task)),
    reconsider: (logits, history, options) =>
      model.reconsider(logits, history, options) as Promise<RawRow>,
    dispose: () => model.dispose(),
  }
}

async function beginRow(model: Generator, task: RawTask, row: number): Promise<Run> {
  const { candidates, trace, sinks, endTokens } = task
  const writing = await model.begin(task.inputs[row]!, {
    ...(task.sampling[row] ?? GREEDY),
    candidates,
    trace,
    sinks,
    maxTokens: task.maxTokens ?? 0,
    ringCapacity: task.ringCapacity ?? 0,
    endTokens: endTokens ?? model.endTokens,
  })
  return run(writing, writing.promptTrace as Run['read'], writing.sinks)
}

function run(begun: Decoding | Writing, read: Run['read'], sinks: number): Run {
  return {
    read,
    sinks,
    ringCapacity: begun.ringCapacity,
    next: (count) => begun.next(count) as Promise<RawStep[]>,
    dispose: () => begun.dispose(),
  }
}

/** Rows that do not run at once: each begins when the one before it has ended. */
async function oneByOne(model: Generator, task: RawTask): Promise<Run> {
  let row = 0
  let current = await beginRow(model, task, row)
  const resting = { input: 0, token: 0, logProbability: 0, rest: 0, candidates: [], finish: null }
  const amongAll = ({ rows: [own], ...step }: RawStep): RawStep => ({
    ...step,
    rows: task.inputs.map((_, index) => (index === row ? own! : { ...resting, active: false })),
  })
  return {
    read: [],
    sinks: current.sinks,
    ringCapacity: current.ringCapacity,
    async next(count) {
      for (;;) {
        const steps = await current.next(count)
        if (steps.length > 0 || row === task.inputs.length - 1) return steps.map(amongAll)
        current.dispose()
        current = await beginRow(model, task, (row += 1))
      }
    },
    dispose: () => current.dispose(),
  }
}
