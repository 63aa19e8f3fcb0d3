// What a model's files say of its tokens and its chats: those of a folder, or the head of a GGUF.

import { fetchFiles, type Context, type EngineRequest } from './loading.js'
import { GlassformerError } from './errors.js'
import type { Habits } from './prompt.js'
import type { FileHead } from './raw.js'
import { Tokenizer } from './tokenizer.js'

export interface Tokens {
  tokenizer: Tokenizer
  habits: Habits
}

type FileName =
  'config.json' | 'tokenizer.json' | 'generation_config.json' | 'tokenizer_config.json'

/** The small files of a folder: those that must be there, and those that may. */
export interface FolderFiles {
  required: FileName[]
  optional: FileName[]
}

const NAMED = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token']

/** What the small files of a folder in the Hugging Face layout say. */
export async function filesOfFolder(
  request: EngineRequest,
  base: string,
  { required, optional }: FolderFiles,
  context: Context,
): Promise<{ config: string; generation: string; tokens: Tokens }> {
  const files = await fetchFiles(request, base, required, optional, context)
  const tokenizer = new Tokenizer(files['tokenizer.json'])
  const { 'config.json': config, 'generation_config.json': generation } = files
  const habits = optional.includes('tokenizer_config.json')
    ? await habitsOf(request, base, tokenizer, files['tokenizer_config.json'], context)
    : { chatTemplate: null, begin: '', end: '' }
  return { config, generation, tokens: { tokenizer, habits } }
}

async function habitsOf(
  request: EngineRequest,
  base: string,
  tokenizer: Tokenizer,
  tokenizerConfig: string,
  context: Context,
): Promise<Habits> {
  const said = parsed(tokenizerConfig || '{}')
  const names = NAMED.map((field) => textOf(said[field]))
  let chatTemplate = templateOf(said.chat_template)
  // Newer folders have it in a file, which only chat models have: those with tokens for turns.
  if (chatTemplate === null && tokenizer.specialPieces.some((piece) => !names.includes(piece))) {
    const more = await fetchFiles(request, base, [], ['chat_template.jinja'], context)
    chatTemplate = more['chat_template.jinja'] || null
  }
  const [begin = '', end = ''] = names
  return { chatTemplate, begin, end }
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
