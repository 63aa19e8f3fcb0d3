// Glassformer: a Transformer you can see through. Everything that a page may import.

export { GlassformerError } from './errors.js'
export { Translator } from './translator.js'
export type {
  Adapter,
  Candidate,
  DecodeStep,
  EncodeStep,
  ErrorCode,
  LoadOptions,
  ModelFacts,
  Phase,
  Progress,
  Ring,
  Snapshot,
  Step,
  Storage,
  Token,
  TranslateOptions,
  Translation,
} from './types.js'
