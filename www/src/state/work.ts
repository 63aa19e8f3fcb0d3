// What a session must know of a task: its engine and steps, how a run of it is begun.
import type {
  DecodeStep,
  EncodeStep,
  LoadOptions,
  Message,
  PromptStep,
  TextGenerator,
  Translator,
  WriteStep,
} from 'glassformer'
import type { Levers, RingWish } from './address'
import type { Failure } from './loader.svelte'

/** The pass over the prompt, with the size of the ring that its rows were read from. */
export interface Reading extends PromptStep {
  readonly capacity?: number
}

/** What each task runs on, and what it gives: before any token, and for each. */
export interface Kinds {
  translate: { engine: Translator; first: EncodeStep; step: DecodeStep }
  write: { engine: TextGenerator; first: Reading; step: WriteStep }
}
export type TaskName = keyof Kinds

/** What a run is asked to do. */
export interface Asked {
  readonly input: string | Message[]
  readonly levers: Levers
  readonly wish: RingWish
  /** The branch that this one left, and how many of its steps it keeps. */
  readonly parent: Asked | null
  readonly shared: number
}

export interface Run<N extends TaskName = TaskName> {
  readonly asked: Asked
  /** The pass over what was given, before any token is made. */
  readonly first: Kinds[N]['first'] | null
  readonly steps: readonly Kinds[N]['step'][]
  readonly finished: boolean
  readonly failure: Failure | null
}

export interface Work<N extends TaskName> {
  /** Loads a file, what is at an address, or without either the shipped model. */
  open(source: File | string | null, options: LoadOptions): Promise<Kinds[N]['engine']>
  /** Starts what the run still lacks, reading the tensors that `reads` names. */
  start(
    engine: Kinds[N]['engine'],
    run: Run<N>,
    reads: string[],
    signal: AbortSignal,
  ): Promise<AsyncGenerator<Kinds[N]['first'] | Kinds[N]['step'], void>>
  /** What is kept of the pass before the first token. */
  keep(first: Kinds[N]['first']): Kinds[N]['first']
}

const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0 }

/** What is asked first of a new text; without more than the text, the likeliest tokens. */
export const ask = (
  input: Asked['input'],
  levers: Levers = GREEDY,
  wish: RingWish = { ring: 0, sinks: 0 },
): Asked => ({ input, levers, wish, parent: null, shared: 0 })

/** The levers among what else a visitor set. */
export const leversIn = (now: Levers): Levers => ({
  temperature: now.temperature,
  topK: now.topK,
  topP: now.topP,
  minP: now.minP,
  repetitionPenalty: now.repetitionPenalty,
  seed: now.seed,
})

export const sameLevers = (a: Levers, b: Levers): boolean =>
  a.temperature === b.temperature &&
  a.topK === b.topK &&
  a.topP === b.topP &&
  a.minP === b.minP &&
  a.repetitionPenalty === b.repetitionPenalty &&
  a.seed === b.seed

/** The levers under which the step at `index` was made. */
export function leversAt(asked: Asked, index: number): Levers {
  return asked.parent && index < asked.shared ? leversAt(asked.parent, index) : asked.levers
}

/** The text of the first `count` tokens of a run. */
export const textOf = ({ steps }: Pick<Run, 'steps'>, count: number): string =>
  steps
    .slice(0, count)
    .map(({ token }) => (token.special ? '' : token.text))
    .join('')
