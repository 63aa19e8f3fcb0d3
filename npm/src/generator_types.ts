// The public types of text generation: messages, sampling, and the steps in which a model writes.

import type { Candidate, Edit, LoadOptions, Made, MadeStep, Snapshot, Token } from './types.js'

export type { GeneratorFacts } from './facts.js'

/** What is said in a chat, by whom. */
export interface Message {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/**
 * How the next token is drawn, in this order: repetition penalty, temperature, top-k, top-p, min-p.
 * By default the likeliest is taken.
 */
export interface Sampling {
  /** 0 (the default) takes the likeliest. */
  temperature?: number
  /** Only the k likeliest; 0 (the default) keeps all. */
  topK?: number
  /** Only the likeliest whose probabilities make up p; 1 (the default) keeps all. */
  topP?: number
  /** Only those at least this share of the likeliest's probability; 0 (the default) keeps all. */
  minP?: number
  /** Above 1 tokens that were there already become less likely; 1 (the default) is off. */
  repetitionPenalty?: number
  /** The same seed draws the same tokens; 0 by default. */
  seed?: number
}

export interface GeneratorLoadOptions extends LoadOptions {
  /** The weights' SHA-256 in hexadecimal: a file with another one is refused. */
  sha256?: string
}

export interface GenerateOptions extends Sampling {
  signal?: AbortSignal
  /**
   * Ids of tokens that come after the prompt as if the model had written them: it goes on from
   * there. The page's branches begin so.
   */
  continuation?: number[]
  /** Tokens at most; 256 by default. */
  maxTokens?: number
  /** How many candidates a step lists, 1 to 64; 10 by default. */
  candidates?: number
  /** Sites to trace: names, or patterns with `*` (`decoder.*.self_attention.weights`). */
  trace?: string[]
  /** What is to be otherwise in this text, its prompt included. */
  edits?: Edit[]
  /** Slots of the K-V ring, a power of two: what the model sees back. */
  ringCapacity?: number
  /** The first so many positions never leave the ring; 0 by default. */
  sinks?: number
}

/** Options of `generateAll`: prompt number n draws with the seed plus n. */
export type GenerateAllOptions = Sampling & Pick<GenerateOptions, 'signal' | 'maxTokens' | 'edits'>

/** The model's reading of the prompt: the first thing that `generate` yields. */
export interface PromptStep {
  phase: 'prompt'
  /** What the model reads, the special tokens of a chat included. */
  tokens: Token[]
  /**
   * What was traced, a chunk of positions after the other. The last token is in none of them: it
   * is the input of the first `write` step.
   */
  traces: { first: number; trace: Snapshot[] }[]
}

/** A candidate, and how likely it is drawn. */
export interface GenerateCandidate extends Candidate {
  /** Its probability after temperature and cuts: 0 where it was cut. */
  sampled: number
}

/** One token that the model writes; the drawn token need not be among the candidates. */
export interface WriteStep extends MadeStep<GenerateCandidate> {
  phase: 'write'
}

export type GenerateStep = PromptStep | WriteStep

/** A finished text. */
export interface WrittenText extends Made {
  /** What the model read. */
  prompt: Token[]
}

/** What would be drawn from given logits. */
export interface Choice {
  token: Token
  candidates: GenerateCandidate[]
  rest: number
}
