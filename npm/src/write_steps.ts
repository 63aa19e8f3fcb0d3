// The engine's steps of a text on its way, which are numbers, as the steps that a visitor reads.

import type { RawRow, RawStep, Writing } from './engine.js'
import type { Choice, GenerateCandidate, PromptStep, WriteStep } from './generator_types.js'
import { ofOneSentence, ringAt } from './steps.js'
import { Reader, type Tokenizer } from './tokenizer.js'
import type { Token } from './types.js'

/** The step that `generate` yields first. */
export function promptStep(ids: number[], writing: Writing, tokenizer: Tokenizer): PromptStep {
  const traces = writing.promptTrace.map(({ first, trace }) => ({
    first,
    trace: trace.map(ofOneSentence),
  }))
  return { phase: 'prompt', tokens: tokenizer.tokens(ids), traces }
}

/** Turns the steps of one text into `WriteStep`s, in order. */
export class WriteReader {
  readonly #reader: Reader
  readonly #writing: Writing
  #text = ''
  #input: Token

  /** `written` of the prompt's tokens count as written. */
  constructor(prompt: number[], written: number, writing: Writing, tokenizer: Tokenizer) {
    this.#writing = writing
    this.#reader = new Reader(tokenizer)
    const tokens = prompt.map((id) => this.#reader.push(id))
    this.#input = tokens.at(-1)!
    for (const token of tokens.slice(prompt.length - written)) this.#write(token)
  }

  read(raw: RawStep): WriteStep {
    const row = raw.rows[0]!
    const input = this.#input
    const candidates = candidatesOf(row, this.#reader)
    const token = (this.#input = this.#reader.push(row.token))
    this.#write(token)
    return {
      phase: 'write',
      position: raw.position,
      input,
      token,
      probability: Math.exp(row.logProbability),
      logProbability: row.logProbability,
      candidates,
      rest: row.rest,
      ring: ringAt(raw.position, this.#writing.ringCapacity, this.#writing.sinks),
      text: this.#text,
      finish: row.finish,
      trace: raw.trace.map(ofOneSentence),
    }
  }

  #write(token: Token): void {
    if (!token.special) this.#text += token.text
  }
}

/** What was drawn after `history`. */
export function choiceOf(row: RawRow, history: number[], tokenizer: Tokenizer): Choice {
  const reader = new Reader(tokenizer)
  for (const id of history) reader.push(id)
  const candidates = candidatesOf(row, reader)
  return { token: reader.peek(row.token), candidates, rest: row.rest }
}

function candidatesOf(row: RawRow, reader: Reader): GenerateCandidate[] {
  return row.candidates.map(({ id, logProbability, sampled }) => ({
    ...reader.peek(id),
    probability: Math.exp(logProbability),
    logProbability,
    sampled,
  }))
}
