// What is being decoded: each is stepped through by number, and freed when no call runs on it.

import { GlassformerError } from './errors.js'

/** What the engine steps through. */
export interface Steppable<R> {
  next(count: number): Promise<R[]>
  dispose(): void
}

/** `busy` settles when no call of the engine runs on it. */
interface Open<R, S> {
  decoding: Steppable<R>
  read: (raw: R) => S
  busy: Promise<unknown>
}

/** Decodings whose raw steps R are read as steps S. */
export class Decodings<R, S> {
  readonly #open = new Map<number, Open<R, S>>()

  add(number: number, decoding: Steppable<R>, read: (raw: R) => S): void {
    this.#open.set(number, { decoding, read, busy: Promise.resolve() })
  }

  /** Up to `count` further steps, after those that were asked for before. */
  async next(number: number, count: number): Promise<S[]> {
    const found = this.#open.get(number)
    if (!found) throw new GlassformerError('internal', `Decoding ${number} is not open.`)
    const steps = found.busy.then(() => found.decoding.next(count))
    found.busy = steps
    return (await steps).map(found.read)
  }

  /** Frees one, if it is there. */
  async end(number: number): Promise<void> {
    const ended = this.#open.get(number)
    this.#open.delete(number)
    await ended?.busy.catch(() => {})
    ended?.decoding.dispose()
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((number) => this.end(number)))
  }
}
