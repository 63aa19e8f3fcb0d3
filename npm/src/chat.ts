// Chat templates, in a module of their own: only visitors who chat fetch it.

import { Template } from '@huggingface/jinja'
import type { Message } from './generator_types.js'

/** The text that `messages` become. */
export function renderChat(
  template: string,
  messages: Message[],
  names: { bos_token: string; eos_token: string },
): string {
  const values = {
    ...names,
    messages,
    add_generation_prompt: messages.at(-1)?.role !== 'assistant',
  }
  return new Template(template).render(values)
}
