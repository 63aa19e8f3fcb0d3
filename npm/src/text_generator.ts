// A model that writes, as a page uses it.

import { sourceFrom } from './address.js'
import type {
  Choice,
  GenerateAllOptions,
  GenerateOptions,
  GenerateStep,
  GeneratorLoadOptions,
  Message,
  Sampling,
  WrittenText,
} from './generator_types.js'
import { LoadedModel, type Opened } from './loaded_model.js'

/** A loaded decoder-only model on its device. */
export class TextGenerator extends LoadedModel<'write'> {
  /** Whether `generate` takes messages. */
  readonly hasChatTemplate: boolean

  private constructor(opened: Opened<'write'>) {
    super('TextGenerator', opened)
    this.hasChatTemplate = opened.reply.hasChatTemplate
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
    const from = sourceFrom(source)
    const storage = options.storage ?? (from.kind === 'folder' ? 'int8' : null)
    return new TextGenerator(await this.open('write', from, storage, options))
  }

  /**
   * Reads the prompt, then writes: one `prompt` step, then a `write` step for each token. Leaving
   * the loop or aborting the signal frees what the text held. Several may run at once.
   */
  generate(
    prompt: string | Message[],
    { signal, ...options }: GenerateOptions = {},
  ): AsyncGenerator<GenerateStep, void> {
    return this.run(prompt, options, signal)
  }

  /** Writes on after many prompts; the texts come in the order of the prompts. */
  generateAll(
    prompts: (string | Message[])[],
    { signal, ...options }: GenerateAllOptions = {},
  ): Promise<WrittenText[]> {
    return this.call('all', { inputs: prompts, options }, { signal })
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
    return this.call('reconsider', { logits, history, sampling })
  }
}
