// The engine as the page sees it: loading, and a run whose steps are pulled one by one and kept.
import { GlassformerError, Translator } from 'glassformer'
import type { DecodeStep, EncodeStep, ErrorCode, Progress, Step } from 'glassformer'

/** What every step is asked to show; the rest of the engine's tensors stay where they are. */
const TRACE = [
  'encoder.*.self_attention.scores',
  'encoder.*.self_attention.weights',
  'decoder.*.self_attention.scores',
  'decoder.*.self_attention.weights',
  'decoder.*.self_attention.ring',
  'decoder.*.cross_attention.scores',
  'decoder.*.cross_attention.weights',
]
const CANDIDATES = 10
/** A step's ring is kept whole, so the longest translation shown is bounded. */
const SLOTS = { least: 16, most: 128 }

export interface Failure {
  code: ErrorCode
  message: string
}

export interface Run {
  readonly input: string
  readonly encode: EncodeStep | null
  readonly steps: readonly DecodeStep[]
  readonly finished: boolean
  readonly failure: Failure | null
}

const failureOf = (error: unknown): Failure => ({
  code: error instanceof GlassformerError ? error.code : 'internal',
  message: error instanceof Error ? error.message : String(error),
})

const emptyRun = (input: string): Run => ({
  input,
  encode: null,
  steps: [],
  finished: false,
  failure: null,
})

/** Slots for twice the source's tokens, a power of two: the ring can be drawn slot by slot. */
function slotsFor(sourceTokens: number): number {
  let slots = SLOTS.least
  while (slots < 2 * sourceTokens + 8 && slots < SLOTS.most) slots *= 2
  return slots
}

class Session {
  translator = $state.raw<Translator | null>(null)
  /** Null while nothing is being loaded. */
  progress = $state.raw<Progress | null>(null)
  /** Bytes of each file so far, by name. */
  files = $state.raw<Readonly<Record<string, Progress>>>({})
  cancelled = $state(false)
  loadFailure = $state.raw<Failure | null>(null)
  run = $state.raw<Run>(emptyRun(''))
  busy = $state(false)
  /** Steps asked of the engine since the page opened: what stepping back never raises. */
  pulled = $state(0)

  #loading: AbortController | null = null
  #running: AbortController | null = null
  #steps: AsyncGenerator<Step, void> | null = null

  async load(model: URL): Promise<void> {
    const control = new AbortController()
    this.#loading = control
    this.cancelled = false
    this.loadFailure = null
    this.files = {}
    this.progress = { phase: 'download', file: '', loaded: 0, total: 0 }
    const onProgress = (progress: Progress) => {
      if (this.#loading !== control) return
      this.progress = progress
      if (progress.phase === 'download' && progress.file) {
        this.files = { ...this.files, [progress.file]: progress }
      }
    }
    try {
      const translator = await Translator.load(model, { onProgress, signal: control.signal })
      if (this.#loading === control) this.translator = translator
      else await translator.dispose()
    } catch (error) {
      if (this.#loading === control) this.loadFailure = failureOf(error)
    } finally {
      if (this.#loading === control) {
        this.#loading = null
        this.progress = null
      }
    }
  }

  cancelLoading(): void {
    this.#loading?.abort()
    this.#loading = null
    this.progress = null
    this.cancelled = true
  }

  /** Gives up the engine, so that it can be loaded anew: after the device was lost. */
  async unload(): Promise<void> {
    this.stop()
    const translator = this.translator
    this.translator = null
    await translator?.dispose()
  }

  /** Aborts the run; its steps stay to be looked at. */
  stop(): void {
    this.#running?.abort()
    this.#running = null
    this.#leave()
  }

  /** Leaves the generator, so that the engine frees what the translation held. */
  #leave(): void {
    this.#steps?.return().catch(() => {})
    this.#steps = null
  }

  /** Starts a new run of a text; nothing is computed before `pull` asks for a step. */
  begin(input: string): void {
    this.stop()
    this.run = emptyRun(input)
  }

  /** Pulls steps until there are `wanted` tokens, the sentence ends or another run begins. */
  async pull(wanted: number): Promise<void> {
    if (this.busy || !this.translator || this.#covers(wanted)) return
    this.busy = true
    const control = this.#running ?? new AbortController()
    this.#running = control
    try {
      while (!this.#covers(wanted) && !control.signal.aborted) {
        await this.#pullOne(this.translator, control)
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
    return this.run.finished || (this.run.encode !== null && this.run.steps.length >= wanted)
  }

  async #pullOne(translator: Translator, control: AbortController): Promise<void> {
    const input = this.run.input
    const signal = control.signal
    if (!this.#steps) {
      const slots = slotsFor((await translator.tokenize(input)).length)
      if (signal.aborted) return
      this.#steps = translator.translate(input, {
        signal,
        trace: TRACE,
        candidates: CANDIDATES,
        maxTokens: slots,
        ringCapacity: slots,
      })
    }
    this.pulled += 1
    const { value: step } = await this.#steps.next()
    if (signal.aborted) return
    if (!step) this.run = { ...this.run, finished: true }
    else if (step.phase === 'encode') this.run = { ...this.run, encode: step }
    else {
      const steps = [...this.run.steps, step]
      this.run = { ...this.run, steps, finished: step.finish !== null }
      if (step.finish) this.#leave()
    }
  }
}

export const session = new Session()
