// Writing: a prompt or a chat is read, then gone on with token by token, each drawn as one likes.

import { rawEdits } from '../edits.js'
import { generatorFacts } from '../facts.js'
import { checkedIds, samplingOf, wholeNumber } from '../options.js'
import { promptIds, turnEnds } from '../prompt.js'
import type { RawSampling } from '../raw.js'
import { withoutBatch } from '../steps.js'
import type { Given, Task } from './task.js'

const CANDIDATES = 10
const MAX_TOKENS = 256

interface Prompt extends Given {
  /** Tokens that end the text besides those of the model. */
  ends: number[]
  sampling: RawSampling
}

export const write: Task<'write', Prompt> = {
  architecture: 'decoder-only',
  loadedBy: 'TextGenerator',
  files: {
    required: ['config.json', 'tokenizer.json'],
    optional: ['generation_config.json', 'tokenizer_config.json'],
  },
  input: 'prompt',
  facts: generatorFacts,

  async read(prompt, name, index, options, { model, tokenizer, habits }) {
    const { maxPositions, vocabulary } = model.facts
    const continuation = checkedIds('continuation', options.continuation ?? [], vocabulary)
    const read = await promptIds(prompt, name, tokenizer, habits, maxPositions)
    const ids = [...read, ...continuation]
    const sampling = samplingOf(options)
    const isChat = Array.isArray(prompt)
    return {
      ids,
      before: ids,
      made: continuation.length,
      ends: isChat ? turnEnds(tokenizer) : [],
      // Each of several is drawn by itself; 2³² seeds are all there are.
      sampling: { ...sampling, seed: (sampling.seed + index) >>> 0 },
    }
  },

  raw(given, options, { model }) {
    const maxTokens = wholeNumber('maxTokens', options.maxTokens, MAX_TOKENS)
    return {
      inputs: given.map(({ ids, ends, sampling }) => ({
        tokens: Uint32Array.from(ids),
        prefix: new Uint32Array(),
        maxTokens,
        endTokens: Uint32Array.from(new Set([...model.endTokens, ...ends])),
        sampling,
      })),
      candidates: wholeNumber('candidates', options.candidates, CANDIDATES),
      trace: options.trace ?? [],
      edits: rawEdits(options.edits),
      ringCapacity: wholeNumber('ringCapacity', options.ringCapacity, null),
      sinks: wholeNumber('sinks', options.sinks, 0, 0),
    }
  },

  first({ ids }, read, { tokenizer }) {
    const traces = read.map(({ first, trace }) => ({ first, trace: trace.map(withoutBatch) }))
    return { phase: 'prompt', tokens: tokenizer.tokens(ids), traces }
  },

  step(made) {
    return { phase: 'write', ...made }
  },

  whole({ ids }, made, { tokenizer }) {
    return { ...made, prompt: tokenizer.tokens(ids) }
  },
}
