// A model that writes, as a page uses it; the work is done in a worker.

import { absolute, sourceFrom } from './address.js'
import { stepsAhead } from './ahead.js'
import { Connection } from './connection.js'
import { GlassformerError } from './errors.js'
import type {
  Choice,
  GenerateOptions,
  GenerateStep,
  GeneratorFacts,
  GeneratorLoadOptions,
  Message,
  Sampling,
} from './generator_types.js'
import type { Calls } from './protocol.js'
import type { Adapter, Token } from './types.js'

/** Steps that are computed ahead of the reader at most, while nothing is traced. */
const STEPS_AHEAD = 16

/** A loaded decoder-only model on its device. */
export class TextGenerator {
  /** The device that computes every number. */
  readonly adapter: Adapter
  readonly model: GeneratorFacts
  /** Names of everything that can be traced, in the order of computation. */
  readonly sites: string[]
  /** Whether `generate` takes messages. */
  readonly hasChatTemplate: boolean
  readonly #connection: Connection
  #lastDecoding = 0

  private constructor(connection: Connection, loaded: Calls['loadGenerator']['reply']) {
    this.#connection = connection
    this.adapter = loaded.adapter
    this.model = loaded.model
    this.sites = loaded.sites
    this.hasChatTemplate = loaded.hasChatTemplate
  }

  /**
   * Loads a model: a folder in the Hugging Face layout by its address, or a `.gguf` file by its
   * address, as `hf:ORGANISATION/NAME/FILE`, or as the file itself. Weights of a folder become
   * int8, those of a GGUF stay as they are, unless `storage` says otherwise.
   */
  static async load(
    source: string | URL | Blob,
    options: GeneratorLoadOptions = {},
  ): Promise<TextGenerator> {
    options.signal?.throwIfAborted()
    const from = sourceFrom(source)
    const request = {
      source: from,
      device: options.device ?? 'auto',
      storage: options.storage ?? (from.kind === 'folder' ? 'int8' : null),
      sha256: options.sha256 ?? null,
      cache: options.cache ?? true,
      wasmUrl: options.wasmUrl === undefined ? null : absolute(options.wasmUrl),
    }
    const connection = new Connection()
    try {
      const loaded = await connection.call('loadGenerator', request, options)
      return new TextGenerator(connection, loaded)
    } catch (error) {
      connection.close(new GlassformerError('disposed', 'The model could not be loaded.'))
      throw error
    }
  }

  /** The tokens that the model reads for `text`. */
  tokenize(text: string): Promise<Token[]> {
    return this.#connection.call('tokenize', { text })
  }

  /**
   * Reads the prompt, then writes: one `prompt` step, then a `write` step for each token. Leaving
   * the loop or aborting the signal frees what the text held. Several may run at once.
   */
  async *generate(
    prompt: string | Message[],
    { signal, ...options }: GenerateOptions = {},
  ): AsyncGenerator<GenerateStep, void> {
    const decoding = ++this.#lastDecoding
    try {
      yield await this.#connection.call('beginWriting', { decoding, prompt, options }, { signal })
      const next = (count: number) =>
        this.#connection.call('nextWritten', { decoding, count }, { signal })
      yield* stepsAhead(next, options.trace?.length ? 1 : STEPS_AHEAD, signal)
    } finally {
      // Not waited for: what was aborted is over for the caller now, and a closed worker has freed
      // it.
      this.#connection.call('end', { decoding }).catch(() => {})
    }
  }

  /**
   * What would be drawn from the traced `logits` of a step with another `sampling`; `history` has
   * the ids of all tokens up to that step's input, the prompt's included.
   */
  reconsider(
    logits: Float32Array,
    history: number[],
    sampling: Sampling & { candidates?: number } = {},
  ): Promise<Choice> {
    return this.#connection.call('reconsider', { logits, history, sampling })
  }

  /** Bytes that the engine holds on its device now. */
  allocatedBytes(): Promise<number> {
    return this.#connection.call('allocatedBytes', null)
  }

  /**
   * Frees the model and its device and ends the worker; what is under way rejects with the code
   * `disposed`.
   */
  dispose(): Promise<void> {
    return this.#connection.dispose(
      new GlassformerError('disposed', 'This TextGenerator was disposed of. Load another.'),
    )
  }
}
