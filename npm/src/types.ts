// The public types of the package: what a model is, what a step holds, what may go wrong.

/** Where the numbers come from: the adapter that computes every one of them. */
export interface Adapter {
  /**
   * `WebGPU` on a GPU or a software adapter, `CPU` for the engine's own executor in WebAssembly.
   */
  backend: 'WebGPU' | 'CPU'
  /** As the browser names it, e.g. `NVIDIA GeForce RTX 4070` or `SwiftShader`. */
  name: string
  vendor: string
  architecture: string
  /** True for an adapter that emulates a GPU on the CPU. */
  software: boolean
  /** Lanes that share one instruction; 0 where the engine may not use subgroups. */
  subgroupSize: number
  /** Why the CPU executor runs although a GPU was asked for; null when nothing was given up. */
  fallbackReason: string | null
}

/** Sizes and facts of a loaded model, read from its files. */
export interface ModelFacts {
  family: 'marian'
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

/** q8 and q4 are those of GGUF: blocks of 32 values with a scale, q4 with a least value, too. */
export type Storage = 'f32' | 'f16' | 'int8' | 'q8' | 'q4'

/** A token as a reader knows it. */
export interface Token {
  id: number
  /**
   * The text it stands for; a leading space is a real space. Special tokens keep their name
   * (`</s>`). Where several tokens are the bytes of one character, the last one has the character
   * and the others have ''.
   */
  text: string
  /** The vocabulary's own spelling (`▁apple`, `<0xE8>`). */
  piece: string
  /** True for tokens that are no text: end of sentence, padding, unknown. */
  special: boolean
}

/** An alternative for the next token, with its probability over the whole vocabulary. */
export interface Candidate extends Token {
  probability: number
  logProbability: number
}

/** One traced tensor: its site, its axes and its values in row-major order. */
export interface Snapshot {
  /** e.g. `decoder.2.cross_attention.weights` */
  site: string
  /** e.g. `[H, T, S]` sizes; a decoding step has T = 1. */
  shape: number[]
  data: Float32Array
}

/** The slot of the K-V ring that a step wrote, and which slots it read. */
export interface Ring {
  /** C, a power of two. */
  capacity: number
  /** The slot of the newest position; without sinks `position & (capacity - 1)`. */
  written: number
  /** Slots that hold a position now: min(position + 1, capacity). */
  used: number
  /** For each slot the position it holds, or -1 where it is free. */
  positions: number[]
  /** The first so many slots keep the first positions for good; 0 for a translation. */
  sinks: number
}

/** The encoder's pass over the source: the first thing that `translate` yields. */
export interface EncodeStep {
  phase: 'encode'
  source: Token[]
  /**
   * Characters of the source that did not fit the model's positions, from the end; '' when all did.
   */
  cut: string
  trace: Snapshot[]
}

/** One token of the translation. */
export interface DecodeStep {
  phase: 'decode'
  /** Position of the new token in the target, from 0. */
  position: number
  /**
   * The token that went in (the start token, or the one of the step before) and the one that came
   * out.
   */
  input: Token
  token: Token
  probability: number
  logProbability: number
  /** The best candidates, best first; probabilities are over the whole vocabulary. */
  candidates: Candidate[]
  /** Probability mass of all other tokens. */
  rest: number
  ring: Ring
  /** The translation so far. */
  text: string
  /**
   * Null while it goes on; `end` after the end-of-sentence token, `length` when the limit stopped
   * it.
   */
  finish: null | 'end' | 'length'
  trace: Snapshot[]
}

export type Step = EncodeStep | DecodeStep

/** A finished translation. */
export interface Translation {
  text: string
  source: Token[]
  tokens: Token[]
  probabilities: number[]
  finish: 'end' | 'length'
  cut: string
}

export type Phase = 'download' | 'verify' | 'compile' | 'ready'

export interface Progress {
  phase: Phase
  /** The file that is on its way, '' for phases that concern no file. */
  file: string
  /**
   * Bytes in `download`, which flow to the device as they come; else parts. `total` is 0 when
   * unknown.
   */
  loaded: number
  total: number
  /** In `download`: where the bytes come from. */
  from?: 'network' | 'cache' | 'file'
  /** What a visitor should know, e.g. why the file is not kept for the next visit. */
  note?: string
}

export interface LoadOptions {
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
  /**
   * `auto` (the default) takes the GPU where there is one, else the CPU executor, and says so in
   * `adapter`.
   */
  device?: 'auto' | 'gpu' | 'cpu'
  /** How weights lie in memory; int8 (the default) is the fastest. */
  storage?: Storage
  /** Where `glassformer_bg.wasm` lies, if not beside the worker. */
  wasmUrl?: string | URL
  /** Whether weights are kept in the browser for the next visit; true by default. */
  cache?: boolean
}

/** What the browser keeps of a model's weights. */
export interface KeptModel {
  /** Loads the model, and deletes what is kept of it. */
  address: string
  /** What there is now; a download that broke off goes on after these. */
  bytes: number
  complete: boolean
}

export interface TranslateOptions {
  signal?: AbortSignal
  /** How many candidates a step lists, 1 to 16; 10 by default. */
  candidates?: number
  /** Sites to trace: names, or patterns with `*` (`decoder.*.cross_attention.weights`). */
  trace?: string[]
  /** Tokens at most; the generation config's `max_length` by default. */
  maxTokens?: number
  /** Slots of the K-V ring, a power of two; large enough for the whole sentence by default. */
  ringCapacity?: number
}

export type ErrorCode =
  | 'no-webgpu'
  | 'device-lost'
  | 'memory'
  | 'download'
  | 'weights'
  | 'config'
  | 'tokenizer'
  | 'input'
  | 'trace'
  | 'busy'
  | 'disposed'
  | 'internal'
