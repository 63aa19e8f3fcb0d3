// Translating: a text is read whole, then its translation is made token by token.

import { rawEdits } from '../edits.js'
import { modelFacts } from '../facts.js'
import { wholeNumber } from '../options.js'
import { withoutBatch } from '../steps.js'
import { prefixOf, sourceOf, type Source } from '../text.js'
import type { Given, Task } from './task.js'

const CANDIDATES = 10

export const translate: Task<'translate', Source & Given> = {
  architecture: 'encoder-decoder',
  loadedBy: 'Translator',
  files: {
    required: ['config.json', 'generation_config.json', 'tokenizer.json'],
    optional: [],
  },
  input: 'text',
  facts: modelFacts,

  check({ model, tokenizer }) {
    tokenizer.checkEnd(model.endTokens)
  },

  read(text, name, _index, options, { model, tokenizer }) {
    const source = sourceOf(text, name, tokenizer, model.facts.maxPositions)
    const prefix = prefixOf(options.prefix ?? [], tokenizer, model)
    return { ...source, before: prefix, made: prefix.length }
  },

  raw(given, { candidates, trace = [], edits, maxTokens, ringCapacity }) {
    const rest = {
      maxTokens: wholeNumber('maxTokens', maxTokens, null),
      endTokens: null,
      sampling: null,
    }
    return {
      inputs: given.map(({ ids, before }) => ({
        tokens: Uint32Array.from(ids),
        prefix: Uint32Array.from(before),
        ...rest,
      })),
      candidates: wholeNumber('candidates', candidates, CANDIDATES),
      trace,
      edits: rawEdits(edits),
      ringCapacity: wholeNumber('ringCapacity', ringCapacity, null),
      sinks: 0,
    }
  },

  first({ ids, cut }, read, { tokenizer }) {
    const trace = read.flatMap((part) => part.trace.map(withoutBatch))
    return { phase: 'encode', source: tokenizer.tokens(ids), cut, trace }
  },

  step({ candidates, ...made }) {
    // Nothing is drawn, so there is no chance to be drawn.
    const plain = candidates.map(({ sampled: _, ...candidate }) => candidate)
    return { phase: 'decode', ...made, candidates: plain }
  },

  whole({ ids, cut }, made, { tokenizer }) {
    return { ...made, source: tokenizer.tokens(ids), cut }
  },
}
