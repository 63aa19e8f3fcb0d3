// What the worker does for the page: it owns engine, model, tokenizer and the decodings under way.

import { download, downloadText } from './download.js'
import { compileEngine, openEngine, type Decoding, type Engine, type Model } from './engine.js'
import { GlassformerError } from './errors.js'
import type { CallName, Calls } from './protocol.js'
import { encodeStep, StepReader, TranslationReader } from './steps.js'
import { sourceOf, type Source } from './text.js'
import { Tokenizer } from './tokenizer.js'
import type { Progress, TranslateOptions, Translation } from './types.js'

/** What a call has besides its request. */
export interface Context {
  signal: AbortSignal
  onProgress: (progress: Progress) => void
}

type Service = {
  [K in CallName]: (request: Calls[K]['request'], context: Context) => Promise<Calls[K]['reply']>
}

interface Loaded {
  engine: Engine
  model: Model
  tokenizer: Tokenizer
}

/** A decoding that the page steps through; `busy` settles when no call of the engine runs on it. */
interface Open {
  decoding: Decoding
  reader: StepReader
  busy: Promise<unknown>
}

const CANDIDATES = 10
const LARGEST_BATCH = 16
/** Steps a call in a batch: few while the short sentences end, then many, since calls cost. */
const STEPS_AT_FIRST = 8
const STEPS_AT_MOST = 32

/** One model's service; `load` comes first. */
export function createService(): Service {
  let loaded: Loaded | null = null
  const open = new Map<number, Open>()

  const ready = (): Loaded => {
    if (!loaded)
      throw new GlassformerError('internal', 'The worker was called before its model was loaded.')
    return loaded
  }
  const find = (decoding: number): Open => {
    const found = open.get(decoding)
    if (!found) throw new GlassformerError('internal', `Decoding ${decoding} is not open.`)
    return found
  }
  const end = async (decoding: number) => {
    const ended = open.get(decoding)
    open.delete(decoding)
    await ended?.busy.catch(() => {})
    ended?.decoding.dispose()
  }

  return {
    async load(request, context) {
      const files = await fetchFiles(request, context)
      context.onProgress({ phase: 'verify', file: 'tokenizer.json', loaded: 0, total: 1 })
      const tokenizer = new Tokenizer(files.tokenizer)
      const { engine, adapter } = await openEngine(request.device)
      try {
        const onPart = (phase: Progress['phase'], part: number, total: number) =>
          context.onProgress({ phase, file: '', loaded: part, total })
        const model = await engine.load(
          files.config,
          files.generationConfig,
          files.weights,
          request.storage,
          onPart,
        )
        tokenizer.checkAgainst(model.facts.vocabulary, model.eosTokenId)
        context.onProgress({ phase: 'ready', file: '', loaded: 1, total: 1 })
        loaded = { engine, model, tokenizer }
        return { adapter, model: model.facts, sites: model.sites() }
      } catch (error) {
        engine.dispose()
        throw error
      }
    },

    async tokenize({ text }) {
      const { model, tokenizer } = ready()
      return tokenizer.tokens(sourceOf(text, 'text', tokenizer, model.facts.maxPositions).ids)
    },

    async begin({ decoding: number, text, options }, { signal }) {
      const { model, tokenizer } = ready()
      const source = sourceOf(text, 'text', tokenizer, model.facts.maxPositions)
      const decoding = await model.begin([Uint32Array.from(source.ids)], beginOptions(options))
      if (signal.aborted) {
        decoding.dispose()
        signal.throwIfAborted()
      }
      const reader = new StepReader(tokenizer, decoding.ringCapacity)
      open.set(number, { decoding, reader, busy: Promise.resolve() })
      return encodeStep(source, decoding, tokenizer)
    },

    async next({ decoding, count }) {
      const found = find(decoding)
      const steps = found.busy.then(() => found.decoding.next(count))
      found.busy = steps
      return (await steps).map((step) => found.reader.read(step))
    },

    async end({ decoding }) {
      await end(decoding)
      return null
    },

    async translateAll({ texts, maxTokens }, { signal }) {
      const { model, tokenizer } = ready()
      const sources = texts.map((text, index) =>
        sourceOf(text, `texts[${index}]`, tokenizer, model.facts.maxPositions),
      )
      const byLength = sources
        .map((_, index) => index)
        .sort((a, b) => sources[a]!.ids.length - sources[b]!.ids.length)
      const translations: Translation[] = []
      for (let start = 0; start < byLength.length; start += LARGEST_BATCH) {
        const batch = byLength.slice(start, start + LARGEST_BATCH)
        const done = await translateBatch(
          batch.map((index) => sources[index]!),
          maxTokens,
          ready(),
          signal,
        )
        batch.forEach((index, row) => (translations[index] = done[row]!))
      }
      return translations
    },

    async allocatedBytes() {
      return ready().engine.allocatedBytes()
    },

    async dispose() {
      await Promise.all([...open.keys()].map(end))
      const { engine, model } = ready()
      model.dispose()
      const held = engine.allocatedBytes()
      engine.dispose()
      return held
    },
  }
}

interface Files {
  config: string
  generationConfig: string
  tokenizer: string
  weights: Uint8Array
}

/** The model's four files and the engine's code, all at once; when one fails, the others stop. */
async function fetchFiles(
  request: Calls['load']['request'],
  { signal, onProgress }: Context,
): Promise<Files> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const onBytes = (file: string) => (loaded: number, total: number) =>
    onProgress({ phase: 'download', file, loaded, total })
  const text = (file: string) => downloadText(request.base + file, either, onBytes(file))
  try {
    const [config, generationConfig, tokenizer, weights] = await Promise.all([
      text('config.json'),
      text('generation_config.json'),
      text('tokenizer.json'),
      download(`${request.base}model.safetensors`, either, onBytes('model.safetensors')),
      compileEngine(request.wasmUrl ?? new URL('./glassformer_bg.wasm', import.meta.url).href),
    ])
    return { config, generationConfig, tokenizer, weights }
  } catch (error) {
    failed.abort()
    throw error
  }
}

async function translateBatch(
  sources: Source[],
  maxTokens: number | undefined,
  { model, tokenizer }: Loaded,
  signal: AbortSignal,
): Promise<Translation[]> {
  signal.throwIfAborted()
  const readers = sources.map((source) => new TranslationReader(source, tokenizer))
  const ids = sources.map((source) => Uint32Array.from(source.ids))
  const decoding = await model.begin(ids, beginOptions({ candidates: 1, maxTokens }))
  try {
    for (let count = STEPS_AT_FIRST; ; count = Math.min(count * 2, STEPS_AT_MOST)) {
      signal.throwIfAborted()
      const steps = await decoding.next(count)
      if (steps.length === 0) return readers.map((reader) => reader.translation)
      for (const step of steps) step.rows.forEach((row, index) => readers[index]!.read(row))
    }
  } finally {
    decoding.dispose()
  }
}

/**
 * The options as the engine wants them: all there, and numbers that are possible; what it means,
 * the engine checks.
 */
function beginOptions({ candidates, trace = [], maxTokens, ringCapacity }: TranslateOptions) {
  const whole = (name: string, value: number | undefined, preset: number) => {
    if (value === undefined) return preset
    if (Number.isInteger(value) && value > 0 && value < 2 ** 31) return value
    throw new GlassformerError(
      'input',
      `${name}: expected a whole number above 0, found ${String(value)}.`,
    )
  }
  return {
    candidates: whole('candidates', candidates, CANDIDATES),
    trace,
    maxTokens: whole('maxTokens', maxTokens, 0),
    ringCapacity: whole('ringCapacity', ringCapacity, 0),
  }
}
