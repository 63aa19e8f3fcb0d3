// The public types of the package: what a model is, what a step holds, what may go wrong.

import type { Snapshot, Storage } from './raw.js'

export type { ModelFacts } from './facts.js'
export type { Snapshot, Storage } from './raw.js'

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
  /**
   * Of the encoder; where there is a prefix, then of the decoder as it reads the start token and
   * the prefix without its last token, a chunk of positions after the other.
   */
  trace: Snapshot[]
}

/** One token that was made, whatever for; C is what is known of a candidate. */
export interface MadeStep<C extends Candidate = Candidate> {
  /** Position of the token that went in, from 0. */
  position: number
  /**
   * The token that went in (the one of the step before; at first the start token, or the last of
   * what was given) and the one that came out.
   */
  input: Token
  token: Token
  /** Of that token, by the model alone. */
  probability: number
  logProbability: number
  /** The likeliest, best first; probabilities are over the whole vocabulary. */
  candidates: C[]
  /** Probability mass of all other tokens, by the model alone. */
  rest: number
  ring: Ring
  /** What was made so far, as text. */
  text: string
  /** Null while it goes on; `end` after a token that ends, `length` when a limit stopped it. */
  finish: null | 'end' | 'length'
  trace: Snapshot[]
}

/** One token of the translation. */
export interface DecodeStep extends MadeStep {
  phase: 'decode'
}

export type Step = EncodeStep | DecodeStep

/** All tokens that were made of one input. */
export interface Made {
  text: string
  tokens: Token[]
  probabilities: number[]
  finish: 'end' | 'length'
}

/** A finished translation. */
export interface Translation extends Made {
  source: Token[]
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

/**
 * One thing that is to be otherwise in a run, as words or as an object: `skips off in decoder.*`
 * is `{ off: 'skips', in: 'decoder.*' }`. Edits compose in the order given; a trace shows values
 * as they are after them. Patterns are names with `*`; without one, all is meant.
 */
export type Edit = string | ScaleEdit | ReplaceEdit | SwitchEdit | NormEdit | HeadsEdit

/** `scale PATTERN by F heads 0,3`: values are multiplied before anything reads them. */
export interface ScaleEdit {
  /** A site or a pattern of sites. */
  scale: string
  by: number
  /** Only these, where a site has heads: query, key, value, scores, weights, context. */
  heads?: number[]
}

/**
 * A value becomes what another run had there. A snapshot does as it is: `{ replace: site, shape,
 * data }`. It applies to every pass of its shape: that of a decoding step has one position, that
 * of a source has all.
 */
export interface ReplaceEdit {
  replace: string
  /** As traced. */
  shape: number[]
  data: Float32Array
  /** Only in the step whose input has this position; by default in every step. */
  position?: number
}

/** `LEVER off in PATTERN` */
export interface SwitchEdit {
  /**
   * - `skips`: a block's input is not added to its output.
   * - `mlps`: feed-forward blocks give 0; their skip and norm stay.
   * - `scaling`: scores are q·k, not divided by √K.
   * - `causal mask`: where several positions are read at once, each sees all of them.
   * - `padding mask`: the padding behind a source, up to a multiple of 8, is seen.
   * - `positions`: no position is added, and nothing turns.
   */
  off: 'skips' | 'mlps' | 'scaling' | 'causal mask' | 'padding mask' | 'positions'
  /** Blocks: `decoder.2.feed_forward`, `encoder.*`; for positions `encoder` or `decoder`. */
  in?: string
}

/** `norm layer|rms|none in PATTERN` */
export interface NormEdit {
  /** `layer`: by mean and variance; `rms`: by the root of the mean square; `none`: not at all. */
  norm: 'layer' | 'rms' | 'none'
  /** Blocks, or norms by their sites: `decoder.0.self_attention.norm`, `decoder.norm`. */
  in?: string
}

/** `key-value heads G` */
export interface HeadsEdit {
  /**
   * Neighbouring keys and values of the decoder's self-attention become their mean, so that so
   * many are left; a divisor of how many the model has.
   */
  keyValueHeads: number
}

export interface TranslateOptions {
  signal?: AbortSignal
  /** How many candidates a step lists, 1 to 64; 10 by default. */
  candidates?: number
  /** Sites to trace: names, or patterns with `*` (`decoder.*.cross_attention.weights`). */
  trace?: string[]
  /** What is to be otherwise in this translation. */
  edits?: Edit[]
  /**
   * With what the translation begins, as a text or as ids of tokens, as if the model had written
   * it. The first token made follows it; steps have it in their `text`, and its tokens count among
   * `maxTokens`.
   */
  prefix?: string | number[]
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
