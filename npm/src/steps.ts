// The engine's steps, which are numbers, as the steps that a visitor reads.

import type { GenerateCandidate } from './generator_types.js'
import type { RawRow, RawStep, Run, Snapshot } from './raw.js'
import type { Given } from './tasks/task.js'
import { Reader, type Tokenizer } from './tokenizer.js'
import type { Made, MadeStep, Ring, Token } from './types.js'

/** Reads the steps of one row in order: what each token is depends on those before it. */
export class MadeReader {
  readonly #reader: Reader
  readonly #run: Pick<Run, 'ringCapacity' | 'sinks'>
  #text = ''
  #input: Token | null

  constructor({ before, made }: Given, run: Run, tokenizer: Tokenizer) {
    this.#run = run
    this.#reader = new Reader(tokenizer)
    const tokens = before.map((id) => this.#reader.push(id))
    this.#input = tokens.at(-1) ?? null
    for (const token of tokens.slice(before.length - made)) this.#add(token)
  }

  read(raw: RawStep): MadeStep<GenerateCandidate> {
    const row = raw.rows[0]!
    const candidates = candidatesOf(row, this.#reader)
    // Without anything before it the first token follows one that is no part of the text.
    const input = this.#input ?? new Reader(this.#reader.tokenizer).push(row.input)
    const token = (this.#input = this.#reader.push(row.token))
    this.#add(token)
    return {
      position: row.position,
      input,
      token,
      probability: Math.exp(row.logProbability),
      logProbability: row.logProbability,
      candidates,
      rest: row.rest,
      ring: ringAt(row.position, this.#run.ringCapacity, this.#run.sinks),
      text: this.#text,
      finish: row.finish,
      trace: raw.trace.map(withoutBatch),
    }
  }

  #add(token: Token): void {
    if (!token.special) this.#text += token.text
  }
}

/** Gathers what is made of one row of a batch. */
export class RowReader {
  readonly #reader: Reader
  readonly #made: Made = { text: '', tokens: [], probabilities: [], finish: 'length' }

  constructor({ before }: Given, tokenizer: Tokenizer) {
    this.#reader = new Reader(tokenizer)
    for (const id of before) this.#reader.push(id)
  }

  read(row: RawRow): void {
    if (!row.active) return
    const token = this.#reader.push(row.token)
    this.#made.tokens.push(token)
    this.#made.probabilities.push(Math.exp(row.logProbability))
    if (!token.special) this.#made.text += token.text
    if (row.finish) this.#made.finish = row.finish
  }

  get made(): Made {
    return this.#made
  }
}

export function candidatesOf(row: RawRow, reader: Reader): GenerateCandidate[] {
  return row.candidates.map(({ id, logProbability, sampled }) => ({
    ...reader.peek(id),
    probability: Math.exp(logProbability),
    logProbability,
    sampled,
  }))
}

/** What the K-V ring holds once the step at `position` has written its slot. */
export function ringAt(position: number, capacity: number, sinks: number): Ring {
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
export function withoutBatch({ site, shape, data }: Snapshot): Snapshot {
  return { site, shape: shape.slice(1), data }
}
