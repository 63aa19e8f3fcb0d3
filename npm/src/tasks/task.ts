// What the service must know of one task; all else is the same for every one.

import type { GenerateCandidate } from '../generator_types.js'
import type { FolderFiles, Tokens } from '../habits.js'
import type { TaskName, Tasks } from '../protocol.js'
import type { Architecture, Facts, Model, RawTask, Run } from '../raw.js'
import type { Made, MadeStep } from '../types.js'

/** A model with what turns texts into its tokens and back. */
export interface Loaded extends Tokens {
  model: Model
}

/** One input as the model reads it; a task may know more of it. */
export interface Given {
  ids: number[]
  /** Those of `ids` that the first token made follows as text; of these the last `made` count as made. */
  before: number[]
  made: number
}

export interface Task<N extends TaskName, G extends Given = Given> {
  /** That of its models. */
  readonly architecture: Architecture
  /** The class that loads them. */
  readonly loadedBy: string
  /** The files of a folder. */
  readonly files: FolderFiles
  /** What errors call one input. */
  readonly input: string
  /** What a page is told of a model. */
  facts(facts: Facts): Tasks[N]['facts']
  /** Refuses tokens that are not the model's. */
  check?(loaded: Loaded): void
  /** The input at `index` of those that were given, which errors call `name`. */
  read(
    input: unknown,
    name: string,
    index: number,
    options: Tasks[N]['options'],
    loaded: Loaded,
  ): G | Promise<G>
  /** What the engine is to run: a row for each of `given`. */
  raw(given: G[], options: Tasks[N]['options'], loaded: Loaded): RawTask
  /** The step that comes before any token. */
  first(given: G, read: Run['read'], loaded: Loaded): Tasks[N]['first']
  /** The step of one token. */
  step(made: MadeStep<GenerateCandidate>): Tasks[N]['step']
  /** All that was made of one input of a batch. */
  whole(given: G, made: Made, loaded: Loaded): Tasks[N]['whole']
}
