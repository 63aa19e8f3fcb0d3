// A scene: an engine and its runs, the time that is shown of them, what is chosen. Views get it by context.
import { getContext, setContext } from 'svelte'
import type { Place, Selection } from './address'
import { Player } from './player.svelte'
import { Session } from './session.svelte'
import type { Kinds, TaskName, Work } from './work'

/** What a scene is made of. */
interface Parts<N extends TaskName> {
  task: N
  work: Work<N>
  /** The sites that a run is asked to read on this model: what the open panels name. */
  reads: (model: Kinds[N]['engine']['model']) => string[]
  place: Place
  /** Whether the visitor asked for a certain step: then nothing plays by itself. */
  placed: boolean
}

/** Two runs side by side are two scenes: none knows of another. */
export class Scene<N extends TaskName = TaskName> {
  readonly task: N
  readonly session: Session<N>
  readonly player: Player
  readonly placed: boolean
  #place: Place

  constructor({ task, work, reads, place, placed }: Parts<N>) {
    this.task = task
    this.placed = placed
    this.#place = $state.raw(Object.freeze(place))
    this.session = new Session(work, reads)
    this.player = new Player(this)
  }

  get engine(): Kinds[N]['engine'] | null {
    return this.session.engine
  }
  get model(): Kinds[N]['engine']['model'] | null {
    return this.session.engine?.model ?? null
  }
  get run(): Session<N>['run'] {
    return this.session.run
  }
  /** Up to the step shown. */
  readonly steps = $derived.by(() => this.session.run.steps.slice(0, this.player.shown))

  get now(): Place {
    return this.#place
  }
  /** Replaces the place by a changed copy. */
  change(change: Partial<Place>): void {
    this.#place = Object.freeze({ ...this.#place, ...change })
  }

  get selection(): Selection {
    return this.#place
  }
  select = (change: Partial<Selection>): void => this.change(change)
}

const SCENE = Symbol('scene')

/** Gives the component's children their scene. */
export function setScene<N extends TaskName>(scene: Scene<N>): void {
  setContext(SCENE, scene)
}

/** The scene that the component stands in; a view of one task only may say which. */
export function useScene<N extends TaskName = TaskName>(): Scene<N> {
  return getContext<Scene<N>>(SCENE)
}
