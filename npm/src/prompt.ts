// A prompt, text or messages, as the tokens that a model reads; what can't be one is refused.

import { GlassformerError } from './errors.js'
import type { Message } from './generator_types.js'
import type { Tokenizer } from './tokenizer.js'

/** What a model's files say of chats and of the tokens at the ends of texts. */
export interface Habits {
  chatTemplate: string | null
  /** The names of the tokens that begin and end a text, '' where there are none. */
  begin: string
  end: string
}

const ROLES = ['system', 'user', 'assistant']
/** With these, models end what they say in a chat. */
const TURN_ENDS = ['<|im_end|>', '<|eot_id|>', '<|end|>', '<end_of_turn>', '<|endoftext|>', '</s>']

/** Ids of `prompt`, which errors call `name`: at least one and at most `most`. */
export async function promptIds(
  prompt: unknown,
  name: string,
  tokenizer: Tokenizer,
  habits: Habits,
  most: number,
): Promise<number[]> {
  const wrong = (what: string) => new GlassformerError('input', `${name}: ${what}.`)
  const isChat = Array.isArray(prompt)
  if (!isChat && typeof prompt !== 'string') {
    const found = prompt === null ? 'null' : typeof prompt
    throw wrong(`expected a text or messages, found ${found}`)
  }
  const text = isChat ? await chatText(prompt, habits, wrong) : readable(prompt)
  // Tokenizing megabytes to find out that they are too many would take long.
  const tooLong = (found: string) => wrong(`expected at most ${most} tokens, found ${found}`)
  if (text.length > most * tokenizer.longestPiece) throw tooLong('many more')
  const ids = tokenizer.encode(text, !isChat)
  if (ids.length > most) throw tooLong(String(ids.length))
  if (ids.length > 0) return ids
  const begin = tokenizer.id(habits.begin)
  if (begin === undefined) throw wrong('expected something to go on from, found an empty text')
  return [begin]
}

/** Ids of the tokens that end a turn of a chat. */
export function turnEnds(tokenizer: Tokenizer): number[] {
  const ids = TURN_ENDS.map((name) => tokenizer.id(name))
  return ids.filter((id): id is number => id !== undefined && tokenizer.isSpecial(id))
}

async function chatText(
  messages: unknown[],
  habits: Habits,
  wrong: (what: string) => GlassformerError,
): Promise<string> {
  if (messages.length === 0) throw wrong('expected at least one message, found none')
  if (habits.chatTemplate === null)
    throw wrong('this model has no chat template: give a text instead of messages')
  const checked = messages.map((given, index) => message(given, index, wrong))
  // A file of the package's own, beside the worker: bundlers find it by this form alone.
  const url = new URL('./chat.js', import.meta.url).href
  const { renderChat } = (await import(
    /* @vite-ignore */ /* webpackIgnore: true */ url
  )) as typeof import('./chat.js')
  try {
    const names = { bos_token: habits.begin, eos_token: habits.end }
    return renderChat(habits.chatTemplate, checked, names)
  } catch (cause) {
    const { message } = wrong(`the model's chat template refuses it: ${(cause as Error).message}`)
    throw new GlassformerError('input', message, { cause })
  }
}

function message(
  given: unknown,
  index: number,
  wrong: (what: string) => GlassformerError,
): Message {
  const { role, content } = (given ?? {}) as { role?: unknown; content?: unknown }
  const name = `messages[${index}]`
  if (!ROLES.includes(role as string))
    throw wrong(`${name}.role is one of ${ROLES.join(', ')}, not ${String(role)}`)
  if (typeof content !== 'string') throw wrong(`${name}.content is a text, not ${typeof content}`)
  return { role, content: readable(content) } as Message
}

/**
 * Lone surrogates become U+FFFD, and control characters but tabs and line breaks become spaces:
 * neither is text.
 */
function readable(text: string): string {
  return text.toWellFormed().replace(/(?![\t\n\r])\p{Cc}/gu, ' ')
}
