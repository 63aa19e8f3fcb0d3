// Glassformer: a Transformer you can see through. Everything that a page may import.

export { GlassformerError } from './errors.js'
export { clearKept, deleteKept, listKept } from './kept.js'
export { TextGenerator } from './text_generator.js'
export { Translator } from './translator.js'
export type {
  Choice,
  GenerateAllOptions,
  GenerateCandidate,
  GenerateOptions,
  GeneratorFacts,
  GeneratorLoadOptions,
  GenerateStep,
  Message,
  PromptStep,
  Sampling,
  WriteStep,
  WrittenText,
} from './generator_types.js'
export type {
  Adapter,
  Candidate,
  DecodeStep,
  Edit,
  EncodeStep,
  ErrorCode,
  HeadsEdit,
  KeptModel,
  LoadOptions,
  ModelFacts,
  NormEdit,
  Phase,
  Progress,
  ReplaceEdit,
  Ring,
  ScaleEdit,
  Snapshot,
  Step,
  Storage,
  SwitchEdit,
  Token,
  TranslateOptions,
  Translation,
} from './types.js'
