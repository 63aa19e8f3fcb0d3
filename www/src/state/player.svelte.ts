// Time: which step is shown, and the playing that moves on to the next one.
import { session } from './session.svelte'
import { view } from './view.svelte'

/** A step stays this long while playing: the move is fast, then it rests. */
const REST = 900
/** More than any sentence has: everything up to the end. */
const END = 999_999

class Player {
  playing = $state(false)
  /** Whether the step shown came from the engine just now, or was kept. */
  replay = $state(false)

  /** The step drawn: the one asked for, or the last there is. */
  shown = $derived(Math.min(view.now.step, session.run.steps.length))
  atEnd = $derived(session.run.finished && this.shown === session.run.steps.length)

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
    this.go(session.run.finished ? session.run.steps.length : END)
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
    this.replay = step <= session.run.steps.length
    view.change({ step })
  }
}

export const player = new Player()

/** Runs the player; call it once, inside a component. */
export function keepTime(): void {
  // What is asked for is computed; when the sentence turns out shorter, the last step is asked for.
  $effect(() => {
    const wanted = view.now.step
    const { finished, steps } = session.run
    if (session.busy || !session.translator) return
    if (!finished) void session.pull(wanted)
    else if (wanted > steps.length) view.change({ step: steps.length })
  })
  $effect(() => {
    const arrived = session.run.encode !== null && view.now.step <= session.run.steps.length
    if (!player.playing || !(arrived || session.run.finished)) return
    const timer = setTimeout(() => player.advance(), REST)
    return () => clearTimeout(timer)
  })
}
