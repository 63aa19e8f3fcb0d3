// What the WebAssembly engine takes and gives: ids and tensors, models and their runs.

import type { Adapter, NormEdit, SwitchEdit } from './types.js'

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

/** Which stacks a model has, and so what it is for. */
export type Architecture = 'encoder-decoder' | 'decoder-only' | 'encoder-only'

/** Sizes of the encoder or of the decoder. */
export interface StackFacts {
  /** L, H, G, K and F. */
  layers: number
  heads: number
  keyValueHeads: number
  headWidth: number
  innerWidth: number
}

/** Sizes and facts of a loaded model of any family, read from its files. */
export interface Facts {
  /** `model_type` of transformers. */
  family: string
  architecture: Architecture
  encoder: StackFacts | null
  decoder: StackFacts | null
  /** D and V. */
  modelWidth: number
  vocabulary: number
  maxPositions: number
  positions: 'sinusoidal' | 'learned' | 'rotary'
  norm: 'layer' | 'rms'
  activation: string
  gated: boolean
  parameters: number
  storage: Storage
  weightBytes: number
}

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
   * file has them. A GGUF says itself what model it is: then the configs are ''. A model of
   * another `architecture` is refused with the code `config`; '' takes any.
   */
  load(
    config: string,
    generationConfig: string,
    head: FileHead,
    storage: string,
    architecture: Architecture | '',
  ): Loading
  allocatedBytes(): number
  dispose(): void
}

/** A model whose weights are on their way. */
export interface Loading {
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
  /** One a row. */
  inputs: RawInput[]
  candidates: number
  /** Names or patterns of the sites to read. */
  trace: string[]
  /** What is to be otherwise, in this order. */
  edits: RawEdit[]
  ringCapacity: number | null
  sinks: number
}

/** `Edit`; a shape leads with B or with 1 for all rows, a position of null means every one. */
export type RawEdit =
  | string
  | { scale: string; by: number; heads: number[] }
  | { replace: string; shape: number[]; data: Float32Array; position: number | null }
  | SwitchEdit
  | NormEdit
  | { keyValueHeads: number }

/** One row: what goes in, and how it is to go on. */
export interface RawInput {
  /** A source, or a prompt. */
  tokens: Uint32Array
  /** With which tokens the target of a source begins. */
  prefix: Uint32Array
  /** New tokens at most, those of the prefix among them. */
  maxTokens: number | null
  /** Tokens that end it; null for those of the model. */
  endTokens: Uint32Array | null
  /** Null takes the likeliest token. */
  sampling: RawSampling | null
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
  /** The length to which sources were filled up; 0 without an encoder. */
  readonly paddedLength: number
  readonly ringCapacity: number
  readonly sinks: number
  /** Kernels that one step runs. */
  readonly dispatches: number
  /** Up to `count` further steps; none when every row has ended. */
  next(count: number): Promise<RawStep[]>
  dispose(): void
}

export interface RawStep {
  rows: RawRow[]
  trace: Snapshot[]
}

/** What one row did in a step; `active` is false once it had finished before. */
export interface RawRow {
  /** Of the token that went in, from 0. */
  position: number
  input: number
  token: number
  logProbability: number
  rest: number
  candidates: { id: number; logProbability: number; sampled: number }[]
  finish: null | 'end' | 'length'
  active: boolean
}
