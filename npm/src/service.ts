// What the worker does for the page: it answers every call with the one model that it has loaded.

import { GlassformerError } from './errors.js'
import { GenerationService } from './generation_service.js'
import type { Context } from './loading.js'
import type { CallName, Calls } from './protocol.js'
import * as store from './store.js'
import { TranslationService } from './translation_service.js'

type Service = {
  [K in CallName]: (request: Calls[K]['request'], context: Context) => Promise<Calls[K]['reply']>
}

/** One model's service: a call that loads comes first, but for those about what is kept. */
export function createService(): Service {
  let translation: TranslationService | null = null
  let generation: GenerationService | null = null
  const loaded = <T>(service: T | null): T => {
    if (service) return service
    throw new GlassformerError('internal', 'The worker was called before its model was loaded.')
  }
  const either = () => loaded<TranslationService | GenerationService>(translation ?? generation)

  return {
    async load(request, context) {
      const { adapter, model } = (translation = await TranslationService.load(request, context))
      return { adapter, model: model.facts, sites: model.sites() }
    },

    begin({ decoding, text, options }, { signal }) {
      return loaded(translation).begin(decoding, text, options, signal)
    },

    next({ decoding, count }) {
      return loaded(translation).next(decoding, count)
    },

    translateAll({ texts, maxTokens }, { signal }) {
      return loaded(translation).translateAll(texts, maxTokens, signal)
    },

    async loadGenerator(request, context) {
      const loading = GenerationService.load(request, context)
      const { adapter, model, habits } = (generation = await loading)
      const hasChatTemplate = habits.chatTemplate !== null
      return { adapter, model: model.facts, sites: model.sites(), hasChatTemplate }
    },

    beginWriting({ decoding, prompt, options }, { signal }) {
      return loaded(generation).begin(decoding, prompt, options, signal)
    },

    nextWritten({ decoding, count }) {
      return loaded(generation).next(decoding, count)
    },

    reconsider({ logits, history, sampling }) {
      return loaded(generation).reconsider(logits, history, sampling)
    },

    async tokenize({ text }) {
      return either().tokenize(text)
    },

    async end({ decoding }) {
      await either().end(decoding)
      return null
    },

    async allocatedBytes() {
      return either().engine.allocatedBytes()
    },

    dispose() {
      return either().dispose()
    },

    listKept: store.listKept,

    deleteKept({ url }) {
      return store.deleteKept(url)
    },

    async clearKept() {
      await store.clearKept()
      return null
    },
  }
}
