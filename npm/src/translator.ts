// The translator as a page uses it.

import { sourceFrom } from './address.js'
import { GlassformerError } from './errors.js'
import { LoadedModel, type Opened } from './loaded_model.js'
import type { LoadOptions, Step, TranslateOptions, Translation } from './types.js'

/** A loaded translation model on its device. */
export class Translator extends LoadedModel<'translate'> {
  private constructor(opened: Opened<'translate'>) {
    super('Translator', opened)
  }

  /**
   * Loads the model in the folder `url`, which holds `config.json`, `generation_config.json`,
   * `tokenizer.json` and `model.safetensors`. A relative address starts from the page's own.
   */
  static async load(url: string | URL, options: LoadOptions = {}): Promise<Translator> {
    const source = sourceFrom(url)
    if (source.kind !== 'folder') {
      const expected = 'the address of a folder in the Hugging Face layout'
      throw new GlassformerError('input', `${String(url)}: expected ${expected}.`)
    }
    const storage = options.storage ?? 'int8'
    return new Translator(await this.open('translate', source, storage, options))
  }

  /**
   * Translates `text` step by step: one `encode` step, then a `decode` step for each token, the
   * end-of-sentence token included. Leaving the loop or aborting the signal frees what the
   * translation held. Several may run at once.
   */
  translate(
    text: string,
    { signal, ...options }: TranslateOptions = {},
  ): AsyncGenerator<Step, void> {
    return this.run(text, options, signal)
  }

  /** Translates many texts, several at a time; the translations come in the order of the texts. */
  translateAll(
    texts: string[],
    { signal, maxTokens, edits }: Pick<TranslateOptions, 'signal' | 'maxTokens' | 'edits'> = {},
  ): Promise<Translation[]> {
    return this.call('all', { inputs: texts, options: { maxTokens, edits } }, { signal })
  }
}
