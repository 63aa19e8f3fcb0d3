// A loaded model as a page has it, whatever its task; the work is done in a worker.

import { absolute, type Source } from './address.js'
import { stepsAhead } from './ahead.js'
import { Connection, type CallOptions } from './connection.js'
import { GlassformerError } from './errors.js'
import type { CallName, Calls, TaskName, Tasks } from './protocol.js'
import type { Storage } from './raw.js'
import type { Adapter, LoadOptions, Token } from './types.js'

/** Steps that are computed ahead of the reader at most, while nothing is traced. */
const STEPS_AHEAD = 16

/** What a load gives. */
export interface Opened<N extends TaskName> {
  connection: Connection<N>
  reply: Calls<N>['load']['reply']
}

/** A model of task N on its device. */
export abstract class LoadedModel<N extends TaskName> {
  /** The device that computes every number. */
  readonly adapter: Adapter
  readonly model: Tasks[N]['facts']
  /** Names of everything that can be traced, in the order of computation. */
  readonly sites: string[]
  readonly #name: string
  readonly #connection: Connection<N>
  #lastRun = 0

  /** `name` is the class's own, for errors. */
  protected constructor(name: string, { connection, reply }: Opened<N>) {
    this.#name = name
    this.#connection = connection
    this.adapter = reply.adapter
    this.model = reply.facts
    this.sites = reply.sites
  }

  /** Loads in a worker of its own; null for `storage` keeps matrices as the file has them. */
  protected static async open<N extends TaskName>(
    task: N,
    source: Source,
    storage: Storage | null,
    options: LoadOptions & { sha256?: string },
  ): Promise<Opened<N>> {
    options.signal?.throwIfAborted()
    const request = {
      task,
      source,
      storage,
      device: options.device ?? 'auto',
      sha256: options.sha256 ?? null,
      cache: options.cache ?? true,
      wasmUrl: options.wasmUrl === undefined ? null : absolute(options.wasmUrl),
    }
    const connection = new Connection<N>()
    try {
      return { connection, reply: await connection.call('load', request, options) }
    } catch (error) {
      connection.close(new GlassformerError('disposed', 'The model could not be loaded.'))
      throw error
    }
  }

  /** The tokens that the model reads for `text`, with those that every text of it has. */
  tokenize(text: string): Promise<Token[]> {
    return this.call('tokenize', { text })
  }

  /** Bytes that the engine holds on its device now. */
  allocatedBytes(): Promise<number> {
    return this.call('allocatedBytes', null)
  }

  /**
   * Frees the model and its device and ends the worker; what is under way rejects with the code
   * `disposed`.
   */
  dispose(): Promise<void> {
    return this.#connection.dispose(
      new GlassformerError('disposed', `This ${this.#name} was disposed of. Load another.`),
    )
  }

  protected call<K extends CallName>(
    name: K,
    request: Calls<N>[K]['request'],
    options?: CallOptions,
  ): Promise<Calls<N>[K]['reply']> {
    return this.#connection.call(name, request, options)
  }

  /** The step before any token, then one for each; leaving the loop frees what the run held. */
  protected async *run(
    input: Tasks[N]['input'],
    options: Tasks[N]['options'],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Tasks[N]['first'] | Tasks[N]['step'], void> {
    const run = ++this.#lastRun
    try {
      yield await this.call('begin', { run, input, options }, { signal })
      const next = (count: number) => this.call('next', { run, count }, { signal })
      yield* stepsAhead(next, options.trace?.length ? 1 : STEPS_AHEAD, signal)
    } finally {
      // Not waited for: what was aborted is over for the caller now, and a closed worker has freed
      // it.
      this.call('end', { run }).catch(() => {})
    }
  }
}
