// What both tasks share in the worker: an engine with one model, its tokenizer, what is under way.

import { Decodings, type Steppable } from './decodings.js'
import type { Engine } from './engine.js'
import type { Tokenizer } from './tokenizer.js'
import type { Adapter } from './types.js'

/** A model M whose raw steps R are read as steps S. */
export class ModelService<M extends { dispose(): void }, R, S> {
  readonly #decodings = new Decodings<R, S>()

  protected constructor(
    readonly engine: Engine,
    readonly adapter: Adapter,
    readonly model: M,
    readonly tokenizer: Tokenizer,
  ) {}

  /** Up to `count` further steps of what `number` stands for. */
  next(number: number, count: number): Promise<S[]> {
    return this.#decodings.next(number, count)
  }

  /** Frees what `number` stands for, if it is there. */
  end(number: number): Promise<void> {
    return this.#decodings.end(number)
  }

  /** Frees everything; says how many bytes the engine holds then. */
  async dispose(): Promise<number> {
    await this.#decodings.endAll()
    this.model.dispose()
    const held = this.engine.allocatedBytes()
    this.engine.dispose()
    return held
  }

  /** Lets `number` stand for what has begun, unless the caller gave it up meanwhile. */
  protected keep(
    number: number,
    begun: Steppable<R>,
    read: (raw: R) => S,
    signal: AbortSignal,
  ): void {
    if (signal.aborted) {
      begun.dispose()
      signal.throwIfAborted()
    }
    this.#decodings.add(number, begun, read)
  }
}
