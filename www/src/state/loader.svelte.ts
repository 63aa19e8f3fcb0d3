// Loading an engine as the page sees it: phases, bytes, cancelling, and what went wrong.
import { GlassformerError } from 'glassformer'
import type { Adapter, ErrorCode, LoadOptions, Progress } from 'glassformer'

export interface Failure {
  code: ErrorCode
  message: string
}

/** What every loaded model has. */
export interface Engine {
  readonly adapter: Adapter
  dispose(): Promise<void>
}

export const failureOf = (error: unknown): Failure => ({
  code: error instanceof GlassformerError ? error.code : 'internal',
  message: error instanceof Error ? error.message : String(error),
})

export class Loader<Model extends Engine> {
  engine = $state.raw<Model | null>(null)
  /** Null while nothing is being loaded. */
  progress = $state.raw<Progress | null>(null)
  /** Bytes of each file so far, by name. */
  files = $state.raw<Readonly<Record<string, Progress>>>({})
  cancelled = $state(false)
  loadFailure = $state.raw<Failure | null>(null)

  /** Whether loading was ever begun. */
  touched = false

  #loading: AbortController | null = null

  /** Loads by `open`, in place of what was there or was being loaded. */
  async load(open: (options: LoadOptions) => Promise<Model>): Promise<void> {
    this.#loading?.abort()
    const control = new AbortController()
    this.#loading = control
    this.touched = true
    this.cancelled = false
    this.loadFailure = null
    this.files = {}
    this.progress = { phase: 'download', file: '', loaded: 0, total: 0 }
    const onProgress = (progress: Progress) => {
      if (this.#loading !== control) return
      this.progress = progress
      if (progress.phase === 'download' && progress.file) {
        this.files = { ...this.files, [progress.file]: progress }
      }
    }
    try {
      const engine = await open({ onProgress, signal: control.signal })
      if (this.#loading === control) this.engine = engine
      else await engine.dispose()
    } catch (error) {
      if (this.#loading === control) this.loadFailure = failureOf(error)
    } finally {
      if (this.#loading === control) {
        this.#loading = null
        this.progress = null
      }
    }
  }

  cancelLoading(): void {
    this.#loading?.abort()
    this.#loading = null
    this.progress = null
    this.cancelled = true
  }

  /** Gives up the engine, so that it or another can be loaded. */
  async unload(): Promise<void> {
    const engine = this.engine
    this.engine = null
    await engine?.dispose()
  }
}
