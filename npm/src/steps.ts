// The engine's steps, which are numbers, as the steps that a visitor reads.

import type { Decoding, RawRow, RawStep } from './engine.js'
import type { Source } from './text.js'
import { Reader, type Tokenizer } from './tokenizer.js'
import type {
  Candidate,
  DecodeStep,
  EncodeStep,
  Ring,
  Snapshot,
  Token,
  Translation,
} from './types.js'

/** The step that `translate` yields first. */
export function encodeStep(source: Source, decoding: Decoding, tokenizer: Tokenizer): EncodeStep {
  const { trace } = decoding.encoded
  return {
    phase: 'encode',
    source: tokenizer.tokens(source.ids),
    cut: source.cut,
    trace: trace.map(ofOneSentence),
  }
}

/** Turns the steps of one sentence into `DecodeStep`s, in order. */
export class StepReader {
  readonly #reader: Reader
  readonly #capacity: number
  #input: Token | null = null

  constructor(tokenizer: Tokenizer, ringCapacity: number) {
    this.#reader = new Reader(tokenizer)
    this.#capacity = ringCapacity
  }

  read(raw: RawStep): DecodeStep {
    const row = raw.rows[0]!
    const candidates = row.candidates.map(({ id, logProbability }): Candidate => ({
      ...this.#reader.peek(id),
      probability: Math.exp(logProbability),
      logProbability,
    }))
    const input = this.#input ?? new Reader(this.#reader.tokenizer).push(row.input)
    const token = (this.#input = this.#reader.push(row.token))
    return {
      phase: 'decode',
      position: raw.position,
      input,
      token,
      probability: Math.exp(row.logProbability),
      logProbability: row.logProbability,
      candidates,
      rest: row.rest,
      ring: ringAt(raw.position, this.#capacity),
      text: this.#reader.text,
      finish: row.finish,
      trace: raw.trace.map(ofOneSentence),
    }
  }
}

/** Gathers the rows of one sentence of a batch into its translation. */
export class TranslationReader {
  readonly #reader: Reader
  readonly #translation: Translation

  constructor(source: Source, tokenizer: Tokenizer) {
    this.#reader = new Reader(tokenizer)
    const tokens = tokenizer.tokens(source.ids)
    this.#translation = {
      text: '',
      source: tokens,
      tokens: [],
      probabilities: [],
      finish: 'length',
      cut: source.cut,
    }
  }

  read(row: RawRow): void {
    if (!row.active) return
    this.#translation.tokens.push(this.#reader.push(row.token))
    this.#translation.probabilities.push(Math.exp(row.logProbability))
    if (row.finish) this.#translation.finish = row.finish
  }

  get translation(): Translation {
    return { ...this.#translation, text: this.#reader.text }
  }
}

/** What the K-V ring holds once the step at `position` has written its slot. */
export function ringAt(position: number, capacity: number, sinks = 0): Ring {
  const turning = capacity - sinks
  const written = position < sinks ? position : sinks + ((position - sinks) % turning)
  const positions = Array.from({ length: capacity }, (_, slot) => {
    if (slot < sinks) return slot <= position ? slot : -1
    const held = position - ((written - slot + turning) % turning)
    return position >= sinks && held >= sinks ? held : -1
  })
  return { capacity, written, used: Math.min(position + 1, capacity), positions, sinks }
}

/** A trace of a batch of one, without the axis of the batch. */
export function ofOneSentence({ site, shape, data }: Snapshot): Snapshot {
  return { site, shape: shape.slice(1), data }
}
