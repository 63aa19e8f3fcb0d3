// A loaded engine and the runs on it, whose steps are pulled one by one and kept, as branches.
import { kept } from './kept'
import { failureOf, Loader } from './loader.svelte'
import { ask, type Asked, type Kinds, type Run, type TaskName, type Work } from './work'

export class Session<N extends TaskName> extends Loader<Kinds[N]['engine']> {
  run = $state.raw<Run<N>>(fresh(ask('')))
  busy = $state(false)
  /** Steps asked of the engine since the page opened: what stepping back never raises. */
  pulled = $state(0)
  /** The file that was opened from disk, if the model came from one. */
  file = $state.raw<File | null>(null)
  /** What was opened last, as the address names it. */
  source: string | null | undefined = undefined
  /** Which branch is the run. */
  at = $state(0)
  #branches = $state.raw<readonly Run<N>[]>([])

  readonly #work: Work<N>
  readonly #reads: (model: Kinds[N]['engine']['model']) => string[]
  #running: AbortController | null = null
  #steps: AsyncGenerator<Kinds[N]['first'] | Kinds[N]['step'], void> | null = null

  /** `reads` are the sites that a run on a model is asked to read. */
  constructor(work: Work<N>, reads: (model: Kinds[N]['engine']['model']) => string[]) {
    super()
    this.#work = work
    this.#reads = reads
  }

  get branches(): readonly Run<N>[] {
    return this.#branches.map((branch, index) => (index === this.at ? this.run : branch))
  }

  /** Opens a file, an address, or without either the shipped model, in place of what was there. */
  async open(source: File | string | null = null): Promise<void> {
    this.file = source instanceof File ? source : null
    this.source = source instanceof File ? `file:${source.name}` : source
    this.begin(ask(''))
    await this.unload()
    await this.load((options) => this.#work.open(source, options))
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
  begin(asked: Asked): void {
    this.stop()
    this.run = fresh(asked)
    this.#branches = [this.run]
    this.at = 0
  }

  /** A new branch: the first `keep` steps as they are, what follows under another wish. */
  branch(keep: number, change: Pick<Asked, 'levers' | 'wish'>): void {
    this.stop()
    const { first, steps, asked: before } = this.run
    const asked = { ...change, input: before.input, parent: before, shared: keep }
    // A branch that has made nothing of its own has nothing to compare.
    const empty = steps.length === before.shared
    const branches = this.branches.filter((_, index) => !(empty && index === this.at))
    this.run = { ...fresh<N>(asked), first: keep > 0 ? first : null, steps: steps.slice(0, keep) }
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

  async #pullOne(engine: Kinds[N]['engine'], signal: AbortSignal): Promise<void> {
    if (!this.#steps) {
      const reads = this.#reads(engine.model)
      const steps = await this.#work.start(engine, this.run, reads, signal)
      if (signal.aborted) return
      this.#steps = steps
    }
    this.pulled += 1
    const { value } = await this.#steps.next()
    if (signal.aborted) return
    if (!value) this.run = { ...this.run, finished: true }
    else if (!isStep<N>(value)) {
      // A run that goes on from its steps has had its pass over what was given.
      this.run = { ...this.run, first: this.run.first ?? this.#work.keep(value) }
    } else {
      const steps = [...this.run.steps, { ...value, trace: kept(value.trace, value.ring.used) }]
      this.run = { ...this.run, steps, finished: value.finish !== null }
      if (value.finish) this.#leave()
    }
  }
}

const fresh = <N extends TaskName>(asked: Asked): Run<N> => ({
  asked,
  first: null,
  steps: [],
  finished: false,
  failure: null,
})

const isStep = <N extends TaskName>(
  value: Kinds[N]['first'] | Kinds[N]['step'],
): value is Kinds[N]['step'] => 'finish' in value
