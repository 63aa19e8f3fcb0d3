// The worker's side of one loaded model: its tokens, the runs under way, batches, choices.

import { weightsOf } from './address.js'
import { asGlassformerError, GlassformerError } from './errors.js'
import type { Choice, Sampling } from './generator_types.js'
import { filesOfFolder, tokensOfHead, type Tokens } from './habits.js'
import { compiled, loadModel, type Context } from './loading.js'
import { checkedIds, samplingOf, wholeNumber } from './options.js'
import type { Calls, TaskName, Tasks } from './protocol.js'
import type { Engine, FileHead, Model } from './raw.js'
import { Runs } from './runs.js'
import { candidatesOf, MadeReader, RowReader } from './steps.js'
import { tasks } from './tasks/all.js'
import type { Given, Loaded, Task } from './tasks/task.js'
import { Reader } from './tokenizer.js'
import type { Adapter, Token } from './types.js'

const CANDIDATES = 10
const LARGEST_BATCH = 16
/** Steps a call in a batch: few while the short ones end, then many, since calls cost. */
const STEPS_AT_FIRST = 8
const STEPS_AT_MOST = 32

type Options = Tasks[TaskName]['options']
type Step = Tasks[TaskName]['step']

export class ModelService {
  readonly #runs = new Runs<Step>()

  private constructor(
    readonly engine: Engine,
    readonly adapter: Adapter,
    readonly loaded: Loaded,
    /** The task's row of the table, whose inputs and options are those of its own callers. */
    readonly task: Task<TaskName>,
  ) {}

  static async load(request: Calls['load']['request'], context: Context): Promise<ModelService> {
    const { source, sha256, cache, storage } = request
    const task = tasks[request.task] as Task<TaskName>
    const folder =
      source.kind === 'folder'
        ? await filesOfFolder(request, source.base, task.files, context)
        : null
    if (!folder) await compiled(request)
    let tokens = folder?.tokens
    const wanted = { ...context, ...weightsOf(source), sha256, cache }
    const begin = (engine: Engine, head: FileHead) => {
      tokens ??= tokensOfHead(head)
      const { config = '', generation = '' } = folder ?? {}
      try {
        return engine.load(config, generation, head, storage ?? '', task.architecture)
      } catch (error) {
        throw refusal(request.task, error)
      }
    }
    const check = (model: Model) => {
      tokens!.tokenizer.checkSize(model.facts.vocabulary)
      task.check?.({ ...tokens!, model })
    }
    const { engine, adapter, model } = await loadModel(request, wanted, begin, check)
    return new ModelService(engine, adapter, { ...(tokens as Tokens), model }, task)
  }

  /** What the page is told of it once it is loaded. */
  get described(): Calls['load']['reply'] {
    const { model, habits } = this.loaded
    return {
      adapter: this.adapter,
      facts: this.task.facts(model.facts),
      sites: model.sites(),
      hasChatTemplate: habits.chatTemplate !== null,
    }
  }

  async tokenize(text: string): Promise<Token[]> {
    const { ids } = await this.#read(text, this.task.input, 0, {})
    return this.loaded.tokenizer.tokens(ids)
  }

  /** Reads one input; lets `number` stand for what follows, unless the caller gave it up meanwhile. */
  async begin(
    number: number,
    input: unknown,
    options: Options,
    signal: AbortSignal,
  ): Promise<Tasks[TaskName]['first']> {
    const { task, loaded } = this
    const given = await this.#read(input, task.input, 0, options)
    const run = await loaded.model.begin(task.raw([given], options, loaded))
    if (signal.aborted) {
      run.dispose()
      signal.throwIfAborted()
    }
    const reader = new MadeReader(given, run, loaded.tokenizer)
    this.#runs.add(number, run, (raw) => task.step(reader.read(raw)))
    return task.first(given, run.read, loaded)
  }

  /** Up to `count` further steps of what `number` stands for. */
  next(number: number, count: number): Promise<Step[]> {
    return this.#runs.next(number, count)
  }

  /** Frees what `number` stands for, if it is there. */
  end(number: number): Promise<void> {
    return this.#runs.end(number)
  }

  /** All that is made of the inputs, in their order; those of a length share a batch. */
  async all(
    inputs: unknown[],
    options: Options,
    signal: AbortSignal,
  ): Promise<Tasks[TaskName]['whole'][]> {
    const given: Given[] = []
    for (const [index, input] of inputs.entries())
      given.push(await this.#read(input, `${this.task.input}s[${index}]`, index, options))
    const wholes = new Map<Given, Tasks[TaskName]['whole']>()
    for (const batch of batchesOf(given)) {
      const made = await this.#batch(batch, { ...options, candidates: 1, trace: [] }, signal)
      for (const [row, one] of batch.entries()) wholes.set(one, made[row]!)
    }
    return given.map((one) => wholes.get(one)!)
  }

  /** What would be drawn from the traced `logits` that `history` led to. */
  async reconsider(
    logits: Float32Array,
    history: number[],
    sampling: Sampling & { candidates?: number },
  ): Promise<Choice> {
    const { model, tokenizer } = this.loaded
    const { vocabulary } = model.facts
    if (!(logits instanceof Float32Array) || logits.length !== vocabulary) {
      const expected = `expected ${vocabulary} values, the traced logits of one step`
      throw new GlassformerError('input', `logits: ${expected}, found ${logits?.length ?? 'none'}.`)
    }
    const ids = checkedIds('history', history, vocabulary)
    const candidates = wholeNumber('candidates', sampling.candidates, CANDIDATES)
    const options = { ...samplingOf(sampling), candidates }
    const row = await model.reconsider(logits, Uint32Array.from(ids), options)
    const reader = new Reader(tokenizer)
    for (const id of ids) reader.push(id)
    return {
      token: reader.peek(row.token),
      candidates: candidatesOf(row, reader),
      rest: row.rest,
    }
  }

  /** Frees everything; says how many bytes the engine holds then. */
  async dispose(): Promise<number> {
    await this.#runs.endAll()
    this.loaded.model.dispose()
    const held = this.engine.allocatedBytes()
    this.engine.dispose()
    return held
  }

  async #read(input: unknown, name: string, index: number, options: Options): Promise<Given> {
    return this.task.read(input, name, index, options, this.loaded)
  }

  async #batch(
    given: Given[],
    options: Options,
    signal: AbortSignal,
  ): Promise<Tasks[TaskName]['whole'][]> {
    signal.throwIfAborted()
    const { task, loaded } = this
    const readers = given.map((one) => new RowReader(one, loaded.tokenizer))
    const run = await loaded.model.begin(task.raw(given, options, loaded))
    try {
      for (let count = STEPS_AT_FIRST; ; count = Math.min(count * 2, STEPS_AT_MOST)) {
        signal.throwIfAborted()
        const steps = await run.next(count)
        if (steps.length === 0) break
        for (const step of steps) step.rows.forEach((row, index) => readers[index]!.read(row))
      }
    } finally {
      run.dispose()
    }
    return given.map((one, row) => task.whole(one, readers[row]!.made, loaded))
  }
}

/** Why a model can't be loaded; where it is one of another task, with the class that loads it. */
function refusal(wanted: TaskName, error: unknown): unknown {
  const { code, message } = asGlassformerError(error)
  const other = Object.entries(tasks).find(
    ([, { architecture }]) => code === 'config' && message.includes(`which is ${architecture}`),
  )
  if (!other) return error
  const [found, { loadedBy }] = other
  const told = `expected a model to ${wanted} with, found one to ${found} with`
  return new GlassformerError('config', `config.json: ${told}. Load it with ${loadedBy}.`)
}

/** Inputs of about a length together. */
function batchesOf(given: Given[]): Given[][] {
  const sorted = [...given].sort((a, b) => a.ids.length - b.ids.length)
  const first = Array.from({ length: Math.ceil(given.length / LARGEST_BATCH) }, (_, batch) => batch)
  return first.map((batch) => sorted.slice(batch * LARGEST_BATCH, (batch + 1) * LARGEST_BATCH))
}
