// What the worker does for the page: it answers every call with the one model that it has loaded.

import { GlassformerError } from './errors.js'
import type { Context } from './loading.js'
import type { CallName, Calls } from './protocol.js'
import { TranslationService } from './translation_service.js'

type Service = {
  [K in CallName]: (request: Calls[K]['request'], context: Context) => Promise<Calls[K]['reply']>
}

/** One model's service; a call that loads comes first. */
export function createService(): Service {
  let loaded: TranslationService | null = null
  const ready = (): TranslationService => {
    if (loaded) return loaded
    throw new GlassformerError('internal', 'The worker was called before its model was loaded.')
  }

  return {
    async load(request, context) {
      const { adapter, model } = (loaded = await TranslationService.load(request, context))
      return { adapter, model: model.facts, sites: model.sites() }
    },

    async tokenize({ text }) {
      return ready().tokenize(text)
    },

    begin({ decoding, text, options }, { signal }) {
      return ready().begin(decoding, text, options, signal)
    },

    next({ decoding, count }) {
      return ready().next(decoding, count)
    },

    async end({ decoding }) {
      await ready().end(decoding)
      return null
    },

    translateAll({ texts, maxTokens }, { signal }) {
      return ready().translateAll(texts, maxTokens, signal)
    },

    async allocatedBytes() {
      return ready().engine.allocatedBytes()
    },

    dispose() {
      return ready().dispose()
    },
  }
}
