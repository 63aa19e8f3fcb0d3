// The face of the WebAssembly engine: ids and tensors in, ids and tensors out.

import init, { Engine as WasmEngine, FileHead } from '../engine/glassformer.js'
import { GlassformerError } from './errors.js'
import type { GeneratorFacts } from './generator_types.js'
import type { Adapter, ModelFacts, Snapshot } from './types.js'
import type { Weights } from './weights.js'

export type { FileHead }

/** One device with what is loaded on it. */
export interface Engine {
  readonly adapter: Omit<Adapter, 'fallbackReason'>
  /** `storage` is '' to keep matrices as the file has them. */
  beginTranslator(
    config: string,
    generationConfig: string,
    head: FileHead,
    storage: string,
  ): Loading<Model>
  /** A GGUF says itself what model it is: then the configs are ''. */
  beginGenerator(
    config: string,
    generationConfig: string,
    head: FileHead,
    storage: string,
  ): Loading<Writer>
  allocatedBytes(): number
  dispose(): void
}

/** A model whose weights are on their way. */
export interface Loading<M> {
  feed(chunk: Uint8Array): void
  finish(): M
  free(): void
}

export interface Model {
  readonly facts: ModelFacts
  readonly eosTokenId: number
  readonly padTokenId: number
  sites(): string[]
  /** Makes the pipelines: what the first step would otherwise wait for. */
  warmUp(): Promise<void>
  /** Zero asks for the default of `maxTokens` and `ringCapacity`. */
  begin(
    sources: Uint32Array[],
    options: { candidates: number; trace: string[]; maxTokens: number; ringCapacity: number },
  ): Promise<Decoding>
  dispose(): void
}

/** A batch of B sentences on its way; shapes lead with B. */
export interface Decoding {
  readonly encoded: { trace: Snapshot[]; paddedLength: number }
  readonly ringCapacity: number
  next(count: number): Promise<RawStep[]>
  dispose(): void
}

export interface RawStep {
  position: number
  rows: RawRow[]
  trace: Snapshot[]
}

/** What one sentence of the batch did in a step; `active` is false once it had finished before. */
export interface RawRow {
  input: number
  token: number
  logProbability: number
  rest: number
  candidates: { id: number; logProbability: number; sampled: number }[]
  finish: null | 'end' | 'length'
  active: boolean
}

/** A model that writes. */
export interface Writer {
  readonly facts: GeneratorFacts
  /** Tokens that end a text, by the model's own configuration. */
  readonly endTokens: Uint32Array
  sites(): string[]
  warmUp(): Promise<void>
  /** Zero asks for the default of `ringCapacity`. */
  begin(prompt: Uint32Array, options: SamplingOptions & WritingOptions): Promise<Writing>
  /** A row for what would be drawn from `logits`. */
  reconsider(
    logits: Float32Array,
    history: Uint32Array,
    options: SamplingOptions & { candidates: number },
  ): Promise<RawRow>
  dispose(): void
}

interface SamplingOptions {
  temperature: number
  topK: number
  topP: number
  minP: number
  repetitionPenalty: number
  seed: number
}

interface WritingOptions {
  candidates: number
  trace: string[]
  maxTokens: number
  ringCapacity: number
  sinks: number
  endTokens: Uint32Array
}

/** A text on its way; shapes lead with 1. */
export interface Writing {
  readonly promptTrace: { first: number; trace: Snapshot[] }[]
  readonly ringCapacity: number
  readonly sinks: number
  next(count: number): Promise<RawStep[]>
  dispose(): void
}

/** Compiles the WebAssembly module; it is fetched once however often this is called. */
export async function compileEngine(wasmUrl: string): Promise<void> {
  try {
    await init({ module_or_path: wasmUrl })
  } catch (cause) {
    const failed = `The engine could not be loaded from ${wasmUrl}: ${String(cause)}.`
    const message = `${failed} Give its address in \`wasmUrl\`.`
    throw new GlassformerError('download', message, { cause })
  }
}

/**
 * The engine on the device asked for; `auto` takes the CPU where there is no WebGPU, and says why.
 */
export async function openEngine(
  device: 'auto' | 'gpu' | 'cpu',
): Promise<{ engine: Engine; adapter: Adapter }> {
  const create = async (name: string, fallbackReason: string | null) => {
    const engine = (await WasmEngine.create(name)) as unknown as Engine
    return { engine, adapter: { ...engine.adapter, fallbackReason } }
  }
  if (device !== 'auto') return create(device, null)
  try {
    return await create('gpu', null)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'no-webgpu') throw error
    return create('cpu', (error as Error).message)
  }
}

/** Lets a file flow to the model that `begin` makes of its head. */
export async function flow<M>(weights: Weights, begin: (head: FileHead) => Loading<M>): Promise<M> {
  const head = new FileHead(weights.total)
  let loading: Loading<M> | null = null
  try {
    for await (const chunk of weights.chunks()) {
      if (loading) loading.feed(chunk)
      else if (head.push(chunk)) loading = begin(head)
    }
    const complete = loading ?? begin(head)
    // It can't be freed after this, however it ends.
    loading = null
    return complete.finish()
  } catch (error) {
    loading?.free()
    throw error
  }
}
