// The decoder's sizes, whatever family the model is of.
import type { GeneratorFacts, ModelFacts } from 'glassformer'

export interface DecoderSizes {
  layers: number
  heads: number
  /** Groups of heads that share keys and values; as many as heads where none do. */
  groups: number
  headWidth: number
}

export const decoderOf = (model: ModelFacts | GeneratorFacts): DecoderSizes =>
  model.task === 'translate'
    ? {
        layers: model.decoderLayers,
        heads: model.decoderHeads,
        groups: model.decoderHeads,
        headWidth: model.headWidth,
      }
    : {
        layers: model.layers,
        heads: model.heads,
        groups: model.keyValueHeads,
        headWidth: model.headWidth,
      }
