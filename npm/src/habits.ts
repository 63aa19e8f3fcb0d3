// What a model's files say of its tokens and its chats: those of a folder, or the head of a GGUF.

import type { FileHead } from '../engine/glassformer.js'
import { fetchFiles, type Context, type EngineRequest } from './loading.js'
import { GlassformerError } from './errors.js'
import type { Habits } from './prompt.js'
import { Tokenizer } from './tokenizer.js'

export interface Tokens {
  tokenizer: Tokenizer
  habits: Habits
}

const NAMED = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token']

/** The small files of a folder in the Hugging Face layout; config.json and tokenizer.json must be. */
export async function filesOfFolder(
  request: EngineRequest,
  base: string,
  context: Context,
): Promise<{ config: string; generation: string; tokens: Tokens }> {
  const required = ['config.json', 'tokenizer.json'] as const
  const optional = ['generation_config.json', 'tokenizer_config.json'] as const
  const files = await fetchFiles(request, base, [...required], [...optional], context)
  const tokenizer = new Tokenizer(files['tokenizer.json'])
  const said = parsed(files['tokenizer_config.json'] || '{}')
  const names = NAMED.map((field) => textOf(said[field]))
  let chatTemplate = templateOf(said.chat_template)
  // Newer folders have it in a file, which only chat models have: those with tokens for turns.
  if (chatTemplate === null && tokenizer.specialPieces.some((piece) => !names.includes(piece))) {
    const more = await fetchFiles(request, base, [], ['chat_template.jinja'], context)
    chatTemplate = more['chat_template.jinja'] || null
  }
  const [begin = '', end = ''] = names
  const tokens = { tokenizer, habits: { chatTemplate, begin, end } }
  return { config: files['config.json'], generation: files['generation_config.json'], tokens }
}

/** What the head of a GGUF says. */
export function tokensOfHead(head: FileHead): Tokens {
  const tokenizer = new Tokenizer(head.tokenizerJson())
  const name = (id: number | undefined) => (id === undefined ? '' : tokenizer.piece(id))
  const habits = {
    chatTemplate: head.chatTemplate ?? null,
    begin: name(head.beginToken),
    end: name(head.endToken),
  }
  return { tokenizer, habits }
}

function parsed(json: string): Record<string, unknown> {
  try {
    return JSON.parse(json) as Record<string, unknown>
  } catch (cause) {
    const message = `tokenizer_config.json cannot be read: ${(cause as Error).message}.`
    throw new GlassformerError('tokenizer', message, { cause })
  }
}

/** A token's name, alone or as a field of what describes it. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  const { content } = (value ?? {}) as { content?: unknown }
  return typeof content === 'string' ? content : ''
}

/** One template, or the default one of a list. */
function templateOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return null
  const named = value as { name?: unknown; template?: unknown }[]
  const { template } = named.find(({ name }) => name === 'default') ?? {}
  return typeof template === 'string' ? template : null
}
