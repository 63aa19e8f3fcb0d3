// What the WebAssembly engine takes and gives: ids and tensors, models and their runs.

import type { Adapter } from './types.js'

/** q8 and q4 are those of GGUF: blocks of 32 values with a scale, q4 with a least value, too. */
export type Storage = 'f32' | 'f16' | 'int8' | 'q8' | 'q4'

/** One traced tensor: its site, its axes and its values in row-major order. */
export interface Snapshot {
  /** e.g. `decoder.2.cross_attention.weights` */
  site: string
  /** e.g. `[H, T, S]` sizes; a decoding step has T = 1. */
  shape: number[]
  data: Float32Array
}

/** Sizes and facts of a loaded model that translates, read from its files. */
export interface ModelFacts {
  family: 'marian'
  task: 'translate'
  /** Layers of the encoder and of the decoder. */
  encoderLayers: number
  decoderLayers: number
  /** Attention heads H and width of a head K; D = H · K for Marian. */
  encoderHeads: number
  decoderHeads: number
  headWidth: number
  /** D, F and V. */
  modelWidth: number
  encoderInnerWidth: number
  decoderInnerWidth: number
  vocabulary: number
  /** Positions the model knows: a longer source is cut. */
  maxPositions: number
  activation: string
  parameters: number
  /** How weights lie in memory, and their bytes there. */
  storage: Storage
  weightBytes: number
}

/** Sizes and facts of a loaded decoder-only model, read from its files. */
export interface GeneratorFacts {
  family: 'gpt2' | 'llama'
  task: 'write'
  layers: number
  /** Attention heads H and groups of keys and values G, which H / G heads share. */
  heads: number
  keyValueHeads: number
  /** K, D, F and V. */
  headWidth: number
  modelWidth: number
  innerWidth: number
  vocabulary: number
  /** Positions that the model was made for; learned ones end there, rotary ones go on. */
  maxPositions: number
  positions: 'learned' | 'rotary'
  norm: 'layer' | 'rms'
  activation: string
  /** Whether the inner layer multiplies its activation by a second product (SwiGLU). */
  gated: boolean
  parameters: number
  /** How most weights lie in memory, and the bytes of all there. */
  storage: Storage
  weightBytes: number
}

export type Facts = ModelFacts | GeneratorFacts

/** The head of a weight file, once it is complete. */
export interface FileHead {
  /** The tokenizer.json that the metadata of a GGUF amounts to. */
  tokenizerJson(): string
  readonly chatTemplate?: string | undefined
  readonly beginToken?: number | undefined
  readonly endToken?: number | undefined
}

/** One device with what is loaded on it. */
export interface Engine {
  readonly adapter: Omit<Adapter, 'fallbackReason'>
  /**
   * Makes room for a model whose file begins with `head`; `storage` is '' to keep matrices as the
   * file has them. A GGUF says itself what model it is: then the configs are ''.
   */
  load(config: string, generationConfig: string, head: FileHead, storage: string): Loading
  allocatedBytes(): number
  dispose(): void
}

/** A model whose weights are on their way. */
export interface Loading {
  /** What the model is for, known before any of its weights has come. */
  readonly task: Facts['task']
  feed(chunk: Uint8Array): void
  finish(): Model
  free(): void
}

export interface Model {
  readonly facts: Facts
  /** Tokens that end a text, by the model's own configuration. */
  readonly endTokens: Uint32Array
  sites(): string[]
  /** Makes the pipelines: what the first step would otherwise wait for. */
  warmUp(): Promise<void>
  begin(task: RawTask): Promise<Run>
  /** A row for what would be chosen after `history` from the `logits` of its last token. */
  reconsider(
    logits: Float32Array,
    history: Uint32Array,
    options: RawSampling & { candidates: number },
  ): Promise<RawRow>
  dispose(): void
}

/** What to run; null leaves a choice to the engine. */
export interface RawTask {
  /** Sources or prompts, one a row. */
  inputs: Uint32Array[]
  candidates: number
  /** Names or patterns of the sites to read. */
  trace: string[]
  maxTokens: number | null
  ringCapacity: number | null
  sinks: number
  endTokens: Uint32Array | null
  /** One a row; none takes the likeliest token. */
  sampling: RawSampling[]
}

export interface RawSampling {
  temperature: number
  topK: number
  topP: number
  minP: number
  repetitionPenalty: number
  seed: number
}

/** B rows on their way; the shapes of all tensors lead with B. */
export interface Run {
  /** What was traced of the inputs, a chunk of positions after the other. */
  readonly read: { first: number; trace: Snapshot[] }[]
  readonly ringCapacity: number
  readonly sinks: number
  /** Up to `count` further steps; none when every row has ended. */
  next(count: number): Promise<RawStep[]>
  dispose(): void
}

export interface RawStep {
  position: number
  rows: RawRow[]
  trace: Snapshot[]
}

/** What one row did in a step; `active` is false once it had finished before. */
export interface RawRow {
  input: number
  token: number
  logProbability: number
  rest: number
  candidates: { id: number; logProbability: number; sampled: number }[]
  finish: null | 'end' | 'length'
  active: boolean
}
