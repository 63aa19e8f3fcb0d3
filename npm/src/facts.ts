// What a page is told of a model: of the engine's facts those that a model of its task has.

import { GlassformerError } from './errors.js'
import type { Facts, StackFacts, Storage } from './raw.js'

/** Sizes and facts of a loaded model that translates, read from its files. */
export interface ModelFacts {
  family: 'marian'
  task: 'translate'
  /** Layers of the encoder and of the decoder. */
  encoderLayers: number
  decoderLayers: number
  /** Attention heads H and width of a head K; D = H · K for Marian. */
  encoderHeads: number
  decoderHeads: number
  headWidth: number
  /** D, F and V. */
  modelWidth: number
  encoderInnerWidth: number
  decoderInnerWidth: number
  vocabulary: number
  /** Positions the model knows: a longer source is cut. */
  maxPositions: number
  activation: string
  parameters: number
  /** How weights lie in memory, and their bytes there. */
  storage: Storage
  weightBytes: number
}

/** Sizes and facts of a loaded decoder-only model, read from its files. */
export interface GeneratorFacts {
  family: 'gpt2' | 'llama'
  task: 'write'
  layers: number
  /** Attention heads H and groups of keys and values G, which H / G heads share. */
  heads: number
  keyValueHeads: number
  /** K, D, F and V. */
  headWidth: number
  modelWidth: number
  innerWidth: number
  vocabulary: number
  /** Positions that the model was made for; learned ones end there, rotary ones go on. */
  maxPositions: number
  positions: 'learned' | 'rotary'
  norm: 'layer' | 'rms'
  activation: string
  /** Whether the inner layer multiplies its activation by a second product (SwiGLU). */
  gated: boolean
  parameters: number
  /** How most weights lie in memory, and the bytes of all there. */
  storage: Storage
  weightBytes: number
}

/** Of a model that translates. */
export function modelFacts(facts: Facts): ModelFacts {
  const [encoder, decoder] = [stack(facts.encoder), stack(facts.decoder)]
  return {
    family: facts.family as ModelFacts['family'],
    task: 'translate',
    encoderLayers: encoder.layers,
    decoderLayers: decoder.layers,
    encoderHeads: encoder.heads,
    decoderHeads: decoder.heads,
    headWidth: decoder.headWidth,
    modelWidth: facts.modelWidth,
    encoderInnerWidth: encoder.innerWidth,
    decoderInnerWidth: decoder.innerWidth,
    vocabulary: facts.vocabulary,
    maxPositions: facts.maxPositions,
    activation: facts.activation,
    ...weights(facts),
  }
}

/** Of a model that writes. */
export function generatorFacts(facts: Facts): GeneratorFacts {
  return {
    family: facts.family as GeneratorFacts['family'],
    task: 'write',
    ...stack(facts.decoder),
    modelWidth: facts.modelWidth,
    vocabulary: facts.vocabulary,
    maxPositions: facts.maxPositions,
    positions: facts.positions as GeneratorFacts['positions'],
    norm: facts.norm,
    activation: facts.activation,
    gated: facts.gated,
    ...weights(facts),
  }
}

/** A stack that models of the task have. */
function stack(found: StackFacts | null): StackFacts {
  if (found) return found
  throw new GlassformerError('internal', 'The model lacks a stack that its task needs.')
}

function weights({ parameters, storage, weightBytes }: Facts) {
  return { parameters, storage, weightBytes }
}
