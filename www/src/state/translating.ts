// Translating on the page: the shipped model, with a ring that can be drawn slot by slot.
import { Translator } from 'glassformer'
import { slotsFor } from './slots'
import type { Work } from './work'

const MODEL = new URL('models/zh-en/', document.baseURI)
const CANDIDATES = 10
/** Attention is kept slot by slot, so the longest translation shown is bounded. */
const MOST_SLOTS = 128

export const translating: Work<'translate'> = {
  open: (_source, options) => Translator.load(MODEL, options),

  async start(translator, { asked }, trace, signal) {
    const text = asked.input as string
    // Twice the source's tokens.
    const slots = slotsFor(2 * (await translator.tokenize(text)).length + 8, MOST_SLOTS)
    const options = { trace, candidates: CANDIDATES, maxTokens: slots, ringCapacity: slots }
    return translator.translate(text, { signal, ...options })
  },

  keep: (first) => first,
}
