// A loaded engine and a run on it, whose steps are pulled one by one and kept.
import type { Ring, Snapshot } from 'glassformer'
import { kept } from './kept'
import { failureOf, Loader, type Engine, type Failure } from './loader.svelte'

/** A token that was made. */
interface Made {
  readonly ring: Ring
  readonly finish: null | 'end' | 'length'
  readonly trace: Snapshot[]
}

export interface Run<Task, First, Step> {
  readonly task: Task
  /** The pass over what was given, before any token is made. */
  readonly first: First | null
  readonly steps: readonly Step[]
  readonly finished: boolean
  readonly failure: Failure | null
}

export abstract class Session<
  Model extends Engine,
  Task,
  First,
  Step extends Made,
> extends Loader<Model> {
  run = $state.raw<Run<Task, First, Step>>(this.fresh())
  busy = $state(false)
  /** Steps asked of the engine since the page opened: what stepping back never raises. */
  pulled = $state(0)

  #running: AbortController | null = null
  #steps: AsyncGenerator<First | Step, void> | null = null

  /** A task of no content: what stands before the first one. */
  protected abstract nothing(): Task
  /** Starts what the run still lacks. */
  protected abstract start(
    engine: Model,
    run: Run<Task, First, Step>,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<First | Step, void>>

  /** What is kept of the pass before the first token. */
  protected keptFirst(first: First): First {
    return first
  }

  protected fresh(task: Task = this.nothing()): Run<Task, First, Step> {
    return { task, first: null, steps: [], finished: false, failure: null }
  }

  override async unload(): Promise<void> {
    this.stop()
    await super.unload()
  }

  /** Aborts the run; its steps stay to be looked at. */
  stop(): void {
    this.#running?.abort()
    this.#running = null
    this.#leave()
  }

  /** Leaves the generator, so that the engine frees what the run held. */
  #leave(): void {
    this.#steps?.return().catch(() => {})
    this.#steps = null
  }

  /** Starts a new run; nothing is computed before `pull` asks for a step. */
  begin(task: Task): void {
    this.stop()
    this.run = this.fresh(task)
  }

  /** Pulls steps until there are `wanted` tokens, the run ends or another one begins. */
  async pull(wanted: number): Promise<void> {
    if (this.busy || !this.engine || this.#covers(wanted)) return
    this.busy = true
    const control = this.#running ?? new AbortController()
    this.#running = control
    try {
      while (!this.#covers(wanted) && !control.signal.aborted) {
        await this.#pullOne(this.engine, control.signal)
      }
    } catch (error) {
      if (!control.signal.aborted) {
        this.run = { ...this.run, failure: failureOf(error), finished: true }
      }
    } finally {
      this.busy = false
    }
  }

  #covers(wanted: number): boolean {
    return this.run.finished || (this.run.first !== null && this.run.steps.length >= wanted)
  }

  async #pullOne(engine: Model, signal: AbortSignal): Promise<void> {
    if (!this.#steps) {
      const steps = await this.start(engine, this.run, signal)
      if (signal.aborted) return
      this.#steps = steps
    }
    this.pulled += 1
    const { value } = await this.#steps.next()
    if (signal.aborted) return
    if (!value) this.run = { ...this.run, finished: true }
    else if (!('finish' in (value as object))) {
      // A run that goes on from its steps has had its pass over what was given.
      this.run = { ...this.run, first: this.run.first ?? this.keptFirst(value as First) }
    } else {
      const step = value as Step
      const steps = [...this.run.steps, { ...step, trace: kept(step.trace, step.ring.used) }]
      this.run = { ...this.run, steps, finished: step.finish !== null }
      if (step.finish) this.#leave()
    }
  }
}
