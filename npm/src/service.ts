// What the worker does for the page: it answers every call with the one model that it has loaded.

import { GlassformerError } from './errors.js'
import type { Context } from './loading.js'
import { ModelService } from './model_service.js'
import type { CallName, Calls } from './protocol.js'
import * as store from './store.js'

type Service = {
  [K in CallName]: (request: Calls[K]['request'], context: Context) => Promise<Calls[K]['reply']>
}

/** One model's service: `load` comes first, but for calls about what is kept. */
export function createService(): Service {
  let loaded: ModelService | null = null
  const model = (): ModelService => {
    if (loaded) return loaded
    throw new GlassformerError('internal', 'The worker was called before its model was loaded.')
  }

  return {
    async load(request, context) {
      loaded = await ModelService.load(request, context)
      return loaded.described
    },

    begin({ run, input, options }, { signal }) {
      return model().begin(run, input, options, signal)
    },

    next({ run, count }) {
      return model().next(run, count)
    },

    async end({ run }) {
      await model().end(run)
      return null
    },

    all({ inputs, options }, { signal }) {
      return model().all(inputs, options, signal)
    },

    reconsider({ logits, history, sampling }) {
      return model().reconsider(logits, history, sampling)
    },

    tokenize({ text }) {
      return model().tokenize(text)
    },

    async allocatedBytes() {
      return model().engine.allocatedBytes()
    },

    dispose() {
      return model().dispose()
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
