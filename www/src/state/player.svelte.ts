// Time: which step is shown, and the playing that moves on to the next one.

/** A step stays this long while playing: the move is fast, then it rests. */
const REST = 900
/** More than any run has: everything up to the end. */
const END = 999_999

/** What is played: a scene. */
interface Played {
  readonly session: {
    readonly run: { first: unknown; steps: readonly unknown[]; finished: boolean }
    readonly engine: unknown
    readonly busy: boolean
    pull(wanted: number): Promise<void>
  }
  readonly now: { readonly step: number }
  change(change: { step: number }): void
}

export class Player {
  playing = $state(false)
  /** Whether the step shown came from the engine just now, or was kept. */
  replay = $state(false)

  readonly #scene: Played
  constructor(scene: Played) {
    this.#scene = scene
  }

  /** The step drawn: the one asked for, or the last there is. */
  get shown(): number {
    return Math.min(this.#scene.now.step, this.#run.steps.length)
  }
  get atEnd(): boolean {
    return this.#run.finished && this.shown === this.#run.steps.length
  }
  get #run() {
    return this.#scene.session.run
  }

  go(step: number): void {
    this.playing = false
    this.#move(step)
  }
  back(): void {
    this.go(Math.max(0, this.shown - 1))
  }
  forward(): void {
    if (!this.atEnd) this.go(this.shown + 1)
  }
  end(): void {
    this.go(this.#run.finished ? this.#run.steps.length : END)
  }
  toggle(): void {
    if (!this.playing && this.atEnd) this.#move(0)
    this.playing = !this.playing
  }

  /** One tick of playing, once the step asked for is there. */
  advance(): void {
    if (this.atEnd) this.playing = false
    else this.#move(this.shown + 1)
  }

  #move(step: number): void {
    this.replay = step <= this.#run.steps.length
    this.#scene.change({ step })
  }

  /** Runs while the component that calls it is there. */
  keepTime(): void {
    const scene = this.#scene
    const { session } = scene
    // What is asked for is computed; when the run turns out shorter, the last step is asked for.
    $effect(() => {
      const wanted = scene.now.step
      const { finished, steps } = session.run
      if (session.busy || !session.engine) return
      if (!finished) void session.pull(wanted)
      else if (wanted > steps.length) scene.change({ step: steps.length })
    })
    $effect(() => {
      const arrived = session.run.first !== null && scene.now.step <= session.run.steps.length
      if (!this.playing || !(arrived || session.run.finished)) return
      const timer = setTimeout(() => this.advance(), REST)
      return () => clearTimeout(timer)
    })
  }
}
