// The translator's side of the worker: one model, its tokenizer, and the decodings under way.

import { weightsOf } from './address.js'
import type { Engine, FileHead, Model, RawStep } from './engine.js'
import { fetchFiles, loadModel, type Context } from './loading.js'
import { ModelService } from './model_service.js'
import { wholeNumber } from './options.js'
import type { Calls } from './protocol.js'
import { encodeStep, StepReader, TranslationReader } from './steps.js'
import { sourceOf, type Source } from './text.js'
import { Tokenizer } from './tokenizer.js'
import type { DecodeStep, EncodeStep, Token, TranslateOptions, Translation } from './types.js'

const CANDIDATES = 10
const LARGEST_BATCH = 16
/** Steps a call in a batch: few while the short sentences end, then many, since calls cost. */
const STEPS_AT_FIRST = 8
const STEPS_AT_MOST = 32

const FILES = ['config.json', 'generation_config.json', 'tokenizer.json'] as const

export class TranslationService extends ModelService<Model, RawStep, DecodeStep> {
  static async load(
    request: Calls['load']['request'],
    context: Context,
  ): Promise<TranslationService> {
    const { base, cache } = request
    const files = await fetchFiles(request, base, [...FILES], [], context)
    const tokenizer = new Tokenizer(files['tokenizer.json'])
    const weights = weightsOf({ kind: 'folder', base })
    const wanted = { ...context, ...weights, sha256: null, cache }
    const { 'config.json': config, 'generation_config.json': generation } = files
    const begin = (engine: Engine, head: FileHead) =>
      engine.beginTranslator(config, generation, head, request.storage)
    const check = (model: Model) => {
      tokenizer.checkSize(model.facts.vocabulary)
      tokenizer.checkEnd(model.eosTokenId)
    }
    const { engine, adapter, model } = await loadModel(request, wanted, begin, check)
    return new TranslationService(engine, adapter, model, tokenizer)
  }

  tokenize(text: string): Token[] {
    return this.tokenizer.tokens(this.#sourceOf(text, 'text').ids)
  }

  async begin(
    number: number,
    text: string,
    options: TranslateOptions,
    signal: AbortSignal,
  ): Promise<EncodeStep> {
    const source = this.#sourceOf(text, 'text')
    const decoding = await this.model.begin([Uint32Array.from(source.ids)], beginOptions(options))
    const reader = new StepReader(this.tokenizer, decoding.ringCapacity)
    this.keep(number, decoding, (raw) => reader.read(raw), signal)
    return encodeStep(source, decoding, this.tokenizer)
  }

  /** All translations in the order of the texts; those of a length share a batch. */
  async translateAll(
    texts: string[],
    maxTokens: number | undefined,
    signal: AbortSignal,
  ): Promise<Translation[]> {
    const sources = texts.map((text, index) => this.#sourceOf(text, `texts[${index}]`))
    const byLength = sources
      .map((_, index) => index)
      .sort((a, b) => sources[a]!.ids.length - sources[b]!.ids.length)
    const translations: Translation[] = []
    for (let start = 0; start < byLength.length; start += LARGEST_BATCH) {
      const batch = byLength.slice(start, start + LARGEST_BATCH)
      const inBatch = batch.map((index) => sources[index]!)
      const done = await this.#translateBatch(inBatch, maxTokens, signal)
      batch.forEach((index, row) => (translations[index] = done[row]!))
    }
    return translations
  }

  #sourceOf(text: string, name: string): Source {
    return sourceOf(text, name, this.tokenizer, this.model.facts.maxPositions)
  }

  async #translateBatch(
    sources: Source[],
    maxTokens: number | undefined,
    signal: AbortSignal,
  ): Promise<Translation[]> {
    signal.throwIfAborted()
    const readers = sources.map((source) => new TranslationReader(source, this.tokenizer))
    const ids = sources.map((source) => Uint32Array.from(source.ids))
    const decoding = await this.model.begin(ids, beginOptions({ candidates: 1, maxTokens }))
    try {
      for (let count = STEPS_AT_FIRST; ; count = Math.min(count * 2, STEPS_AT_MOST)) {
        signal.throwIfAborted()
        const steps = await decoding.next(count)
        if (steps.length === 0) return readers.map((reader) => reader.translation)
        for (const step of steps) step.rows.forEach((row, index) => readers[index]!.read(row))
      }
    } finally {
      decoding.dispose()
    }
  }
}

/** The options as the engine wants them: all there; what they mean, the engine checks. */
function beginOptions({ candidates, trace = [], maxTokens, ringCapacity }: TranslateOptions) {
  return {
    candidates: wholeNumber('candidates', candidates, CANDIDATES),
    trace,
    maxTokens: wholeNumber('maxTokens', maxTokens, 0),
    ringCapacity: wholeNumber('ringCapacity', ringCapacity, 0),
  }
}
