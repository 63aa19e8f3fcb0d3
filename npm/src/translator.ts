// The translator as a page uses it; the work is done in a worker.

import { absolute, sourceFrom } from './address.js'
import { stepsAhead } from './ahead.js'
import { Connection } from './connection.js'
import { GlassformerError } from './errors.js'
import type { Calls } from './protocol.js'
import type {
  Adapter,
  LoadOptions,
  ModelFacts,
  Step,
  Token,
  TranslateOptions,
  Translation,
} from './types.js'

/** Steps that are computed ahead of the reader at most, while nothing is traced. */
const STEPS_AHEAD = 16

/** A loaded translation model on its device. */
export class Translator {
  /** The device that computes every number. */
  readonly adapter: Adapter
  readonly model: ModelFacts
  /** Names of everything that can be traced, in the order of computation. */
  readonly sites: string[]
  readonly #connection: Connection
  #lastDecoding = 0

  private constructor(connection: Connection, { adapter, model, sites }: Calls['load']['reply']) {
    this.#connection = connection
    this.adapter = adapter
    this.model = model
    this.sites = sites
  }

  /**
   * Loads the model in the folder `url`, which holds `config.json`, `generation_config.json`,
   * `tokenizer.json` and `model.safetensors`. A relative address starts from the page's own.
   */
  static async load(url: string | URL, options: LoadOptions = {}): Promise<Translator> {
    options.signal?.throwIfAborted()
    const source = sourceFrom(url)
    if (source.kind !== 'folder') {
      const expected = 'the address of a folder in the Hugging Face layout'
      throw new GlassformerError('input', `${String(url)}: expected ${expected}.`)
    }
    const request = {
      base: source.base,
      device: options.device ?? 'auto',
      storage: options.storage ?? 'int8',
      cache: options.cache ?? true,
      wasmUrl: options.wasmUrl === undefined ? null : absolute(options.wasmUrl),
    }
    const connection = new Connection()
    try {
      return new Translator(connection, await connection.call('load', request, options))
    } catch (error) {
      connection.close(new GlassformerError('disposed', 'The model could not be loaded.'))
      throw error
    }
  }

  /** The tokens that the model reads for `text`, the end-of-sentence token included. */
  tokenize(text: string): Promise<Token[]> {
    return this.#connection.call('tokenize', { text })
  }

  /**
   * Translates `text` step by step: one `encode` step, then a `decode` step for each token, the
   * end-of-sentence token included. Leaving the loop or aborting the signal frees what the
   * translation held. Several may run at once.
   */
  async *translate(
    text: string,
    { signal, ...options }: TranslateOptions = {},
  ): AsyncGenerator<Step, void> {
    const decoding = ++this.#lastDecoding
    try {
      yield await this.#connection.call('begin', { decoding, text, options }, { signal })
      const next = (count: number) => this.#connection.call('next', { decoding, count }, { signal })
      yield* stepsAhead(next, options.trace?.length ? 1 : STEPS_AHEAD, signal)
    } finally {
      // Not waited for: what was aborted is over for the caller now, and a closed worker has freed
      // it.
      this.#connection.call('end', { decoding }).catch(() => {})
    }
  }

  /** Translates many texts, several at a time; the translations come in the order of the texts. */
  translateAll(
    texts: string[],
    { signal, maxTokens }: Pick<TranslateOptions, 'signal' | 'maxTokens'> = {},
  ): Promise<Translation[]> {
    return this.#connection.call('translateAll', { texts, maxTokens }, { signal })
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
      new GlassformerError('disposed', 'This Translator was disposed of. Load another.'),
    )
  }
}
