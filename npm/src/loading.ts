// What every load has in common: the engine, small files as text, and weights that flow by.

import { downloadText } from './download.js'
import { compileEngine, flow, openEngine } from './engine.js'
import { asGlassformerError, GlassformerError } from './errors.js'
import type { Engine, FileHead, Loading, Model } from './raw.js'
import { whileUsed } from './store.js'
import { ChangedError } from './stream.js'
import type { Adapter, Phase, Progress } from './types.js'
import { openWeights, type Wanted, type Weights } from './weights.js'

/** What a call has besides its request. */
export interface Context {
  signal: AbortSignal
  onProgress: (progress: Progress) => void
}

/** What every request to load says of the engine. */
export interface EngineRequest {
  device: 'auto' | 'gpu' | 'cpu'
  wasmUrl: string | null
}

/** Compiles the engine, once however often this is called. */
export function compiled({ wasmUrl }: EngineRequest): Promise<void> {
  return compileEngine(wasmUrl ?? new URL('./glassformer_bg.wasm', import.meta.url).href)
}

/**
 * The files of a folder as text, and the compiled engine; when one fails, the others stop. Of the
 * `optional` ones those that are not there are ''.
 */
export async function fetchFiles<N extends string>(
  request: EngineRequest,
  base: string,
  required: N[],
  optional: N[],
  { signal, onProgress }: Context,
): Promise<Record<N, string>> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const text = async (file: N): Promise<[N, string]> => {
    const onBytes = (loaded: number, total: number) =>
      onProgress({ phase: 'download', file, loaded, total, from: 'network' })
    const found = await downloadText(base + file, either, onBytes, optional.includes(file))
    return [file, found]
  }
  try {
    const files = Promise.all([...required, ...optional].map(text))
    return Object.fromEntries((await Promise.all([files, compiled(request)]))[0]) as Record<
      N,
      string
    >
  } catch (error) {
    failed.abort()
    throw error
  }
}

/**
 * The model that `begin` makes of the head of its file and of what follows, once it has passed
 * `check`, on an engine of its own; tells of every phase.
 */
export function loadModel(
  request: EngineRequest,
  wanted: Wanted,
  begin: (engine: Engine, head: FileHead) => Loading,
  check: (model: Model) => void,
): Promise<{ engine: Engine; adapter: Adapter; model: Model }> {
  const tell = (phase: Phase, loaded: number) =>
    wanted.onProgress({ phase, file: '', loaded, total: 1 })
  return withEngine(request, async (engine, adapter) => {
    const model = await loadWeights(wanted, (weights) =>
      flow(weights, (head) => begin(engine, head)),
    )
    tell('verify', 0)
    check(model)
    tell('compile', 0)
    await model.warmUp()
    tell('ready', 1)
    return { engine, adapter, model }
  })
}

/** What `take` makes on the engine; the engine is freed when it fails. */
async function withEngine<T>(
  { device }: EngineRequest,
  take: (engine: Engine, adapter: Adapter) => Promise<T>,
): Promise<T> {
  const { engine, adapter } = await openEngine(device)
  try {
    return await take(engine, adapter)
  } catch (error) {
    engine.dispose()
    throw error
  }
}

/**
 * What `take` makes of the weights, which are kept if it succeeds and forgotten if they are at
 * fault.
 */
function loadWeights<T>(wanted: Wanted, take: (weights: Weights) => Promise<T>): Promise<T> {
  const { source, cache } = wanted
  const load = () => takeWeights(wanted, take)
  return cache && typeof source === 'string' ? whileUsed(source, load) : load()
}

/** A file that becomes another on its way is taken from the beginning, once. */
async function takeWeights<T>(wanted: Wanted, take: (weights: Weights) => Promise<T>): Promise<T> {
  for (let again = true; ; again = false) {
    const weights = await openWeights(wanted)
    try {
      const taken = await take(weights)
      await weights.accept()
      return taken
    } catch (error) {
      const changed = error instanceof ChangedError
      const { code } = asGlassformerError(error)
      if (changed || code === 'weights' || code === 'config') await weights.reject()
      else weights.leave()
      if (changed && again) continue
      if (changed) throw new GlassformerError('download', `${error.message} Load it again.`)
      throw error
    }
  }
}
