// The page's end of the worker: each call is a promise, settled by a reply, an error or an abort.

import { GlassformerError } from './errors.js'
import type { CallName, Calls, TaskName, ToPage, ToWorker } from './protocol.js'
import type { Progress } from './types.js'

export interface CallOptions {
  signal?: AbortSignal
  onProgress?: (progress: Progress) => void
}

interface Pending {
  resolve: (reply: never) => void
  reject: (reason: unknown) => void
  onProgress: ((progress: Progress) => void) | undefined
}

/** To a worker whose model is of task N. */
export class Connection<N extends TaskName = TaskName> {
  readonly #worker = new Worker(new URL('./worker.js', import.meta.url), {
    type: 'module',
    name: 'glassformer',
  })
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #closed: GlassformerError | null = null

  constructor() {
    this.#worker.addEventListener('message', (event: MessageEvent<ToPage>) =>
      this.#receive(event.data),
    )
    this.#worker.addEventListener('error', (event) => {
      const reason = event.message || 'its script could not be loaded'
      this.close(new GlassformerError('internal', `The worker stopped: ${reason}.`))
    })
  }

  /**
   * Rejects with the signal's reason as soon as it is aborted; the worker is told, and frees what
   * it held.
   */
  call<K extends CallName>(
    name: K,
    request: Calls<N>[K]['request'],
    options: CallOptions = {},
  ): Promise<Calls<N>[K]['reply']> {
    if (options.signal?.aborted) return Promise.reject(options.signal.reason)
    if (this.#closed) return Promise.reject(this.#closed)
    return this.#ask(name, request, options)
  }

  /** Ends the worker at once; calls under way and all later ones reject with `reason`. */
  close(reason: GlassformerError): void {
    this.#refuse(reason)
    this.#worker.terminate()
  }

  /** Ends the worker once it has freed what it holds. */
  async dispose(reason: GlassformerError): Promise<void> {
    if (this.#closed) return
    this.#refuse(reason)
    // A device that was lost has freed everything already.
    await this.#ask('dispose', null, {}).catch(() => {})
    this.#worker.terminate()
  }

  #refuse(reason: GlassformerError): void {
    this.#closed ??= reason
    for (const { reject } of this.#pending.values()) reject(this.#closed)
    this.#pending.clear()
  }

  #ask<K extends CallName>(
    name: K,
    request: Calls<N>[K]['request'],
    { signal, onProgress }: CallOptions,
  ): Promise<Calls<N>[K]['reply']> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#pending.delete(id)
        this.#send({ kind: 'abort', id })
        reject(signal!.reason)
      }
      signal?.addEventListener('abort', abort, { once: true })
      const settled = () => signal?.removeEventListener('abort', abort)
      this.#pending.set(id, {
        resolve: (reply) => (settled(), resolve(reply)),
        reject: (reason) => (settled(), reject(reason)),
        onProgress,
      })
      this.#send({ kind: 'call', id, name, request } as ToWorker)
    })
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #receive(message: ToPage): void {
    const pending = this.#pending.get(message.id)
    if (!pending) return
    if (message.kind === 'progress') return pending.onProgress?.(message.progress)
    this.#pending.delete(message.id)
    if (message.kind === 'reply') pending.resolve(message.reply as never)
    else pending.reject(new GlassformerError(message.error.code, message.error.message))
  }
}
