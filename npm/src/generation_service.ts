// The text generator's side of the worker: one model, its tokenizer, and the texts under way.

import { weightsOf } from './address.js'
import type { Engine, FileHead, RawStep, Writer } from './engine.js'
import { GlassformerError } from './errors.js'
import type { Choice, GenerateOptions, PromptStep, Sampling, WriteStep } from './generator_types.js'
import { filesOfFolder, tokensOfHead } from './habits.js'
import { compiled, loadModel, type Context } from './loading.js'
import { ModelService } from './model_service.js'
import { finite, wholeNumber } from './options.js'
import { promptIds, turnEnds, type Habits } from './prompt.js'
import type { Calls } from './protocol.js'
import { Tokenizer } from './tokenizer.js'
import type { Adapter, Token } from './types.js'
import { choiceOf, promptStep, WriteReader } from './write_steps.js'

const CANDIDATES = 10
const MAX_TOKENS = 256

export class GenerationService extends ModelService<Writer, RawStep, WriteStep> {
  private constructor(
    engine: Engine,
    adapter: Adapter,
    model: Writer,
    tokenizer: Tokenizer,
    readonly habits: Habits,
  ) {
    super(engine, adapter, model, tokenizer)
  }

  static async load(
    request: Calls['loadGenerator']['request'],
    context: Context,
  ): Promise<GenerationService> {
    const { source, sha256, cache, storage } = request
    const folder =
      source.kind === 'folder' ? await filesOfFolder(request, source.base, context) : null
    if (!folder) await compiled(request)
    let tokens = folder?.tokens
    const wanted = { ...context, ...weightsOf(source), sha256, cache }
    const begin = (engine: Engine, head: FileHead) => {
      tokens ??= tokensOfHead(head)
      const { config = '', generation = '' } = folder ?? {}
      return engine.beginGenerator(config, generation, head, storage ?? '')
    }
    const check = ({ facts }: Writer) => tokens!.tokenizer.checkSize(facts.vocabulary)
    const { engine, adapter, model } = await loadModel(request, wanted, begin, check)
    const { tokenizer, habits } = tokens!
    return new GenerationService(engine, adapter, model, tokenizer, habits)
  }

  async tokenize(text: string): Promise<Token[]> {
    return this.tokenizer.tokens(await this.#promptIds(text))
  }

  async begin(
    number: number,
    prompt: unknown,
    options: GenerateOptions,
    signal: AbortSignal,
  ): Promise<PromptStep> {
    const continuation = this.#checkedIds('continuation', options.continuation ?? [])
    const ids = [...(await this.#promptIds(prompt)), ...continuation]
    const ends = Array.isArray(prompt) ? turnEnds(this.tokenizer) : []
    const writing = await this.model.begin(Uint32Array.from(ids), {
      ...samplingOptions(options),
      trace: options.trace ?? [],
      candidates: wholeNumber('candidates', options.candidates, CANDIDATES),
      maxTokens: wholeNumber('maxTokens', options.maxTokens, MAX_TOKENS),
      ringCapacity: wholeNumber('ringCapacity', options.ringCapacity, 0),
      sinks: wholeNumber('sinks', options.sinks, 0, 0),
      endTokens: Uint32Array.from(new Set([...this.model.endTokens, ...ends])),
    })
    const reader = new WriteReader(ids, continuation.length, writing, this.tokenizer)
    this.keep(number, writing, (raw) => reader.read(raw), signal)
    return promptStep(ids, writing, this.tokenizer)
  }

  async reconsider(
    logits: Float32Array,
    history: number[],
    sampling: Sampling & { candidates?: number },
  ): Promise<Choice> {
    const { vocabulary } = this.model.facts
    if (!(logits instanceof Float32Array) || logits.length !== vocabulary) {
      const expected = `expected ${vocabulary} values, the traced logits of one step`
      throw new GlassformerError('input', `logits: ${expected}, found ${logits?.length ?? 'none'}.`)
    }
    const ids = this.#checkedIds('history', history)
    const candidates = wholeNumber('candidates', sampling.candidates, CANDIDATES)
    const options = { ...samplingOptions(sampling), candidates }
    const row = await this.model.reconsider(logits, Uint32Array.from(ids), options)
    return choiceOf(row, ids, this.tokenizer)
  }

  #promptIds(prompt: unknown): Promise<number[]> {
    return promptIds(prompt, this.tokenizer, this.habits, this.model.facts.maxPositions)
  }

  #checkedIds(name: string, ids: number[]): number[] {
    const { vocabulary } = this.model.facts
    const bad = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary))
    if (bad === undefined) return ids
    const message = `${name}: expected ids from 0 to ${vocabulary - 1}, found ${String(bad)}.`
    throw new GlassformerError('input', message)
  }
}

/** Numbers that are possible, the greedy choice by default; what they mean, the engine checks. */
function samplingOptions(sampling: Sampling) {
  return {
    temperature: finite('temperature', sampling.temperature, 0),
    topK: wholeNumber('topK', sampling.topK, 0, 0),
    topP: finite('topP', sampling.topP, 1),
    minP: finite('minP', sampling.minP, 0),
    repetitionPenalty: finite('repetitionPenalty', sampling.repetitionPenalty, 1),
    seed: wholeNumber('seed', sampling.seed, 0, 0),
  }
}
