// What is under way: each run is stepped through by number, and freed when no call runs on it.

import { GlassformerError } from './errors.js'
import type { RawStep, Run } from './raw.js'

/** `busy` settles when no call of the engine runs on it. */
interface Open<S> {
  run: Run
  read: (raw: RawStep) => S
  busy: Promise<unknown>
}

/** Runs whose raw steps are read as steps S. */
export class Runs<S> {
  readonly #open = new Map<number, Open<S>>()

  add(number: number, run: Run, read: (raw: RawStep) => S): void {
    this.#open.set(number, { run, read, busy: Promise.resolve() })
  }

  /** Up to `count` further steps, after those that were asked for before. */
  async next(number: number, count: number): Promise<S[]> {
    const found = this.#open.get(number)
    if (!found) throw new GlassformerError('internal', `Run ${number} is not open.`)
    const steps = found.busy.then(() => found.run.next(count))
    found.busy = steps
    return (await steps).map(found.read)
  }

  /** Frees one, if it is there. */
  async end(number: number): Promise<void> {
    const ended = this.#open.get(number)
    this.#open.delete(number)
    await ended?.busy.catch(() => {})
    ended?.run.dispose()
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((number) => this.end(number)))
  }
}
