// A model that writes, as a page uses it; the work is done in a worker.

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
import type { Adapter, Token } from './types.js'

const notYet = () => new GlassformerError('internal', 'Text generation is on its way.')

/** A loaded decoder-only model on its device. */
export class TextGenerator {
  private constructor(
    /** The device that computes every number. */
    readonly adapter: Adapter,
    readonly model: GeneratorFacts,
    /** Names of everything that can be traced, in the order of computation. */
    readonly sites: string[],
    /** Whether `generate` takes messages. */
    readonly hasChatTemplate: boolean,
  ) {}

  /**
   * Loads a model: a folder in the Hugging Face layout by its address, or a `.gguf` file by its
   * address, as `hf:ORGANISATION/NAME/FILE`, or as the file itself.
   */
  static load(
    _source: string | URL | Blob,
    _options: GeneratorLoadOptions = {},
  ): Promise<TextGenerator> {
    return Promise.reject(notYet())
  }

  /** The tokens that the model reads for `text`. */
  tokenize(_text: string): Promise<Token[]> {
    return Promise.reject(notYet())
  }

  /** Reads the prompt, then writes: one `prompt` step, then a `write` step for each token. */
  async *generate(
    _prompt: string | Message[],
    _options: GenerateOptions = {},
  ): AsyncGenerator<GenerateStep, void> {
    throw notYet()
  }

  /**
   * What would be drawn from the traced `logits` of a step with another `sampling`; `history` has
   * the ids of all tokens up to that step's input.
   */
  reconsider(
    _logits: Float32Array,
    _history: number[],
    _sampling: Sampling & { candidates?: number },
  ): Promise<Choice> {
    return Promise.reject(notYet())
  }

  /** Bytes that the engine holds on its device now. */
  allocatedBytes(): Promise<number> {
    return Promise.reject(notYet())
  }

  /** Frees the model and its device and ends the worker. */
  async dispose(): Promise<void> {}
}
