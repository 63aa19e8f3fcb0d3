// What a text must be before it becomes tokens: whole characters, not blank, short enough.

import { GlassformerError } from './errors.js'
import { checkedIds } from './options.js'
import type { Model } from './raw.js'
import type { Tokenizer } from './tokenizer.js'

/** A text as the model reads it. */
export interface Source {
  ids: number[]
  /** The end of the text that did not fit, '' when all did. */
  cut: string
}

/**
 * Ids of `text`, which `name` names in an error. Of a text that is too long, the longest beginning
 * that fits.
 */
export function sourceOf(
  text: unknown,
  name: string,
  tokenizer: Tokenizer,
  maxPositions: number,
): Source {
  if (typeof text !== 'string') {
    throw new GlassformerError(
      'input',
      `${name}: expected a string, found ${text === null ? 'null' : typeof text}.`,
    )
  }
  const clean = wellFormed(text)
  if (clean.trim() === '') {
    const found = text === '' ? 'an empty text' : 'only spaces or control characters'
    const message = `${name}: expected something to translate, found ${found}.`
    throw new GlassformerError('input', message)
  }
  // No text longer than this fits, and tokenizing megabytes to find out would take long.
  const bound = clean.search(/\S/) + maxPositions * tokenizer.longestPiece
  const ids = tokenizer.encode(clean.slice(0, bound))
  if (ids.length <= maxPositions && clean.length <= bound) return { ids, cut: '' }
  const end = fittingEnd(clean.slice(0, bound), ids, tokenizer, maxPositions)
  return { ids: tokenizer.encode(clean.slice(0, end)), cut: text.slice(end) }
}

/** Ids of what a translation begins with: of a text, those but the end; none of an empty one. */
export function prefixOf(
  prefix: unknown,
  tokenizer: Tokenizer,
  { endTokens, facts: { maxPositions, vocabulary } }: Pick<Model, 'endTokens' | 'facts'>,
): number[] {
  if (Array.isArray(prefix)) return checkedIds('prefix', prefix, vocabulary)
  const wrong = (expected: string, found: string) =>
    new GlassformerError('input', `prefix: expected ${expected}, found ${found}.`)
  if (typeof prefix !== 'string')
    throw wrong('a text or ids of tokens', prefix === null ? 'null' : typeof prefix)
  // As with a source: to tokenize megabytes would take long.
  if (prefix.length > maxPositions * tokenizer.longestPiece)
    throw wrong(`fewer than ${maxPositions} tokens`, 'many more')
  return tokenizer.encode(wellFormed(prefix)).filter((id) => !endTokens.includes(id))
}

/**
 * Lone surrogates become U+FFFD and control characters spaces: neither is text, and both would
 * reach the model as bytes that it was never trained on. The length stays, so places in the result
 * are places in `text`.
 */
function wellFormed(text: string): string {
  return text.toWellFormed().replace(/\p{Cc}/gu, ' ')
}

/**
 * Where the longest beginning of `text` ends whose tokens are the first of `ids` and fit the
 * model's positions.
 */
function fittingEnd(
  text: string,
  ids: number[],
  tokenizer: Tokenizer,
  maxPositions: number,
): number {
  let fits = 0
  let tooLong = text.length + 1
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1
    if (tokenizer.encode(text.slice(0, middle)).length <= maxPositions) fits = middle
    else tooLong = middle
  }
  // A beginning that stops inside a token, or between the halves of a surrogate pair, has other
  // tokens at its end.
  for (let end = fits; end > 0 && end > fits - tokenizer.longestPiece; end -= 1) {
    const beginning = tokenizer.encode(text.slice(0, end)).slice(0, -1)
    if (beginning.every((id, index) => id === ids[index])) return end
  }
  return text.slice(0, fits).isWellFormed() ? fits : fits - 1
}
