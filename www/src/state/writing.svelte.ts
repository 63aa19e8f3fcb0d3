// The writer's session: a decoder-only model, its runs as branches, other choices from kept logits.
import {
  TextGenerator,
  type Choice,
  type GenerateStep,
  type Message,
  type PromptStep,
  type WriteStep,
} from 'glassformer'
import type { Levers, RingWish } from './address'
import { kept } from './kept'
import { Player } from './player.svelte'
import { Session, type Run } from './session.svelte'

/** Name of the shipped model's folder. */
export const SHIPPED = 'tang-poems'
const MODEL = new URL(`models/${SHIPPED}/`, document.baseURI)
const TRACE = [
  'decoder.*.self_attention.scores',
  'decoder.*.self_attention.weights',
  'decoder.*.self_attention.slot',
  'logits',
]
const CANDIDATES = 12
/** Tokens written at most before the visitor asks for more: every step is kept whole. */
const STRETCH = 128
/** The ring's slots where the visitor leaves them to the page. */
const SLOTS = { least: 16, most: 512 }

export interface Task {
  readonly prompt: string | Message[]
  readonly levers: Levers
  readonly wish: RingWish
  /** The branch that this one left, and how many of its steps it keeps. */
  readonly parent: Task | null
  readonly shared: number
}
/** The pass over the prompt, with the size of the ring that its rows were read from. */
export interface Reading extends PromptStep {
  readonly capacity?: number
}
export type Writing = Run<Task, Reading, WriteStep>

export const sameLevers = (a: Levers, b: Levers): boolean =>
  a.temperature === b.temperature &&
  a.topK === b.topK &&
  a.topP === b.topP &&
  a.minP === b.minP &&
  a.repetitionPenalty === b.repetitionPenalty &&
  a.seed === b.seed

/** The levers under which the step at `index` of a task was written. */
export function leversAt(task: Task, index: number): Levers {
  return task.parent && index < task.shared ? leversAt(task.parent, index) : task.levers
}

/** The text of the first `count` tokens of a run. */
export const textOf = ({ steps }: Pick<Writing, 'steps'>, count: number): string =>
  steps
    .slice(0, count)
    .map(({ token }) => (token.special ? '' : token.text))
    .join('')

class WritingSession extends Session<TextGenerator, Task, Reading, WriteStep> {
  /** The file that was opened from disk, if the model came from one. */
  file = $state.raw<File | null>(null)
  /** What was opened last, as the address names it. */
  source: string | null | undefined = undefined
  #branches = $state.raw<readonly Writing[]>([])
  /** Which branch is the run. */
  at = $state(0)

  get branches(): readonly Writing[] {
    return this.#branches.map((branch, index) => (index === this.at ? this.run : branch))
  }

  protected nothing(): Task {
    const levers = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0 }
    return { prompt: '', levers, wish: { ring: 0, sinks: 0 }, parent: null, shared: 0 }
  }

  /** Opens a file, an address, or without either the shipped model. */
  async open(source: File | string | null): Promise<void> {
    this.file = source instanceof File ? source : null
    this.source = source instanceof File ? `file:${source.name}` : source
    this.begin(this.nothing())
    await this.unload()
    await this.load((options) => TextGenerator.load(source ?? MODEL, options))
  }

  override begin(task: Task): void {
    super.begin(task)
    this.#branches = [this.run]
    this.at = 0
  }

  /** A new branch: the first `keep` steps as they are, what follows under another task. */
  branch(keep: number, task: Pick<Task, 'levers' | 'wish'>): void {
    this.stop()
    const { first, steps, task: before } = this.run
    const run = this.fresh({ ...task, prompt: before.prompt, parent: before, shared: keep })
    // A branch that has written nothing of its own has nothing to compare.
    const empty = steps.length === before.shared
    const branches = this.branches.filter((_, index) => !(empty && index === this.at))
    this.run = { ...run, first: keep > 0 ? first : null, steps: steps.slice(0, keep) }
    this.#branches = [...branches, this.run]
    this.at = branches.length
  }

  /** Shows another branch, which goes on where it stood. */
  turnTo(index: number): void {
    this.stop()
    this.#branches = this.branches
    this.at = index
    this.run = this.#branches[index]!
  }

  /** Goes on after the limit of a stretch. */
  goOn(): void {
    this.stop()
    this.run = { ...this.run, finished: false }
  }

  /** What other levers choose from the logits of the step at `index`; the model does not run. */
  reconsider(index: number, levers: Levers): Promise<Choice> {
    const { first, steps } = this.run
    const logits = steps[index]!.trace.find(({ site }) => site === 'logits')!.data
    const written = steps.slice(0, index).map(({ token }) => token)
    const history = [...(first?.tokens ?? []), ...written].map(({ id }) => id)
    return this.engine!.reconsider(logits, history, { ...levers, candidates: CANDIDATES })
  }

  protected override keptFirst(first: Reading): Reading {
    let capacity = 0
    const traces = first.traces.map((chunk) => {
      const weights = chunk.trace.find(({ site }) => site.endsWith('.weights'))
      const [, rows = 0, slots = 0] = weights?.shape ?? []
      capacity = slots
      return { ...chunk, trace: kept(chunk.trace, chunk.first + rows) }
    })
    return { ...first, traces, capacity }
  }

  protected async start(
    generator: TextGenerator,
    { task, steps }: Writing,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<GenerateStep, void>> {
    const { prompt, levers, wish } = task
    const text = typeof prompt === 'string' ? prompt : prompt.map(({ content }) => content).join()
    const { positions, maxPositions } = generator.model
    const most = positions === 'learned' ? maxPositions : SLOTS.most
    const slots = wish.ring || slotsFor((await generator.tokenize(text)).length, most)
    return generator.generate(prompt, {
      ...levers,
      signal,
      continuation: steps.map(({ token }) => token.id),
      trace: TRACE,
      candidates: CANDIDATES,
      maxTokens: STRETCH,
      ringCapacity: slots,
      sinks: Math.min(wish.sinks, slots / 2),
    })
  }
}

/** Slots for the prompt and a stretch, a power of two, but no more than are of use. */
function slotsFor(promptTokens: number, most: number): number {
  let slots = SLOTS.least
  while (slots < promptTokens + STRETCH && slots < Math.min(most, SLOTS.most)) slots *= 2
  return slots
}

export const writing = new WritingSession()
export const writingPlayer = new Player(writing)
