// tokenizer.json to a tokenizer: text to ids, and ids to the text that a reader knows.

import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { GlassformerError } from './errors.js'
import type { Token } from './types.js'

/** What a decoder shows for bytes that are no character (yet). */
const NO_CHARACTER = '\u{FFFD}'

export class Tokenizer {
  readonly #inner: HuggingFaceTokenizer
  readonly #special: ReadonlySet<number>
  /** The spellings of all tokens that are no text. */
  readonly specialPieces: string[]
  /** Characters of the longest piece of the vocabulary. */
  readonly longestPiece: number

  constructor(json: string) {
    try {
      this.#inner = new HuggingFaceTokenizer(JSON.parse(json) as object, {
        clean_up_tokenization_spaces: false,
      })
    } catch (cause) {
      const begins = JSON.stringify(json.slice(0, 24))
      const message = `tokenizer.json cannot be read: ${(cause as Error).message}.`
      throw new GlassformerError('tokenizer', `${message} It begins with ${begins}.`, { cause })
    }
    const special = [...this.#inner.get_added_tokens_decoder().values()].filter(
      (token) => token.special,
    )
    this.#special = new Set(special.map((token) => token.id))
    this.specialPieces = special.map((token) => token.content)
    let longest = 1
    for (const piece of this.#inner.get_vocab().keys()) longest = Math.max(longest, piece.length)
    this.longestPiece = longest
  }

  /** Refuses a model that has fewer tokens than these. */
  checkSize(vocabulary: number): void {
    const size = this.#inner.get_vocab().size
    if (size > vocabulary) throw mismatch(`at most the model's ${vocabulary} tokens`, `${size}`)
  }

  /** Refuses a model whose texts end otherwise. */
  checkEnd(endTokens: Uint32Array): void {
    const last = this.encode('').at(-1)
    if (last !== undefined && endTokens.includes(last)) return
    const expected = `texts that end with the token ${endTokens.join(' or ')}`
    throw mismatch(expected, `${last ?? 'no token'}`)
  }

  /** Ids of `text`, with the special tokens that every text of the model has, unless not wanted. */
  encode(text: string, addSpecial = true): number[] {
    return this.#inner.encode(text, { add_special_tokens: addSpecial }).ids
  }

  /** The token that is spelled so, if there is one. */
  id(piece: string): number | undefined {
    return this.#inner.token_to_id(piece)
  }

  /** The whole text of `ids`, without special tokens and without bytes that make no character. */
  decode(ids: number[]): string {
    if (ids.length === 0) return ''
    return this.#inner.decode(ids, { skip_special_tokens: true }).replaceAll(NO_CHARACTER, '')
  }

  isSpecial(id: number): boolean {
    return this.#special.has(id)
  }

  piece(id: number): string {
    return this.#inner.id_to_token(id) ?? `<${id}>`
  }

  /** The tokens of a whole sequence. */
  tokens(ids: number[]): Token[] {
    const reader = new Reader(this)
    return ids.map((id) => reader.push(id))
  }
}

/**
 * Reads ids one after another and says what text each adds; the texts joined are the decoded whole.
 */
export class Reader {
  readonly tokenizer: Tokenizer
  /**
   * The last token that is text, then the bytes after it that are no character yet: enough to place
   * what follows.
   */
  #context: number[] = []
  #text = ''

  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer
  }

  /** All text so far. */
  get text(): string {
    return this.#text
  }

  /** The token that `id` would be here. */
  peek(id: number): Token {
    const piece = this.tokenizer.piece(id)
    if (this.tokenizer.isSpecial(id)) return { id, text: piece, piece, special: true }
    const before = this.tokenizer.decode(this.#context)
    const text = this.tokenizer.decode([...this.#context, id]).slice(before.length)
    return { id, text, piece, special: false }
  }

  /** Takes `id` as the next token. */
  push(id: number): Token {
    const token = this.peek(id)
    if (!token.special) {
      this.#text += token.text
      this.#context = token.text === '' ? [...this.#context, id] : [id]
    }
    return token
  }
}

function mismatch(expected: string, found: string): GlassformerError {
  const message = `tokenizer.json: expected ${expected}, found ${found}.`
  return new GlassformerError('tokenizer', `${message} Take the one that belongs to this model.`)
}
