// Every message between the page and its worker.

import type { Source } from './address.js'
import type { PlainError } from './errors.js'
import type {
  Choice,
  GenerateOptions,
  GeneratorFacts,
  Message,
  PromptStep,
  Sampling,
  WriteStep,
} from './generator_types.js'
import type { EngineRequest } from './loading.js'
import type {
  Adapter,
  DecodeStep,
  EncodeStep,
  KeptModel,
  ModelFacts,
  Progress,
  Snapshot,
  Storage,
  Token,
  TranslateOptions,
  Translation,
} from './types.js'

/** The calls that the page may make: what goes out and what comes back. */
export interface Calls {
  load: {
    request: EngineRequest & { base: string; storage: Storage; cache: boolean }
    reply: { adapter: Adapter; model: ModelFacts; sites: string[] }
  }
  loadGenerator: {
    request: EngineRequest & {
      source: Source
      /** Null keeps matrices as the file has them. */
      storage: Storage | null
      sha256: string | null
      cache: boolean
    }
    reply: { adapter: Adapter; model: GeneratorFacts; sites: string[]; hasChatTemplate: boolean }
  }
  /** As `begin`, `next` and `end` of a translation. */
  beginWriting: {
    request: {
      decoding: number
      prompt: string | Message[]
      options: Omit<GenerateOptions, 'signal'>
    }
    reply: PromptStep
  }
  nextWritten: { request: { decoding: number; count: number }; reply: WriteStep[] }
  reconsider: {
    request: {
      logits: Float32Array
      history: number[]
      sampling: Sampling & { candidates?: number }
    }
    reply: Choice
  }
  tokenize: { request: { text: string }; reply: Token[] }
  /** Encodes one text; `decoding`, a number of the page's choice, stands for it until `end`. */
  begin: {
    request: { decoding: number; text: string; options: Omit<TranslateOptions, 'signal'> }
    reply: EncodeStep
  }
  /** Up to `count` further steps; none when the translation is complete. */
  next: { request: { decoding: number; count: number }; reply: DecodeStep[] }
  /** Frees a decoding, if it is there: one whose `begin` failed or was aborted is not. */
  end: { request: { decoding: number }; reply: null }
  translateAll: {
    request: { texts: string[]; maxTokens: number | undefined }
    reply: Translation[]
  }
  listKept: { request: null; reply: KeptModel[] }
  /** The reply says whether there was anything. */
  deleteKept: { request: { url: string }; reply: boolean }
  clearKept: { request: null; reply: null }
  allocatedBytes: { request: null; reply: number }
  /**
   * Aborts all other calls and frees everything; the reply says how many bytes the engine holds
   * then.
   */
  dispose: { request: null; reply: number }
}

export type CallName = keyof Calls

/** From page to worker: a call, or the wish to abort one. */
export type ToWorker =
  | {
      [K in CallName]: { kind: 'call'; id: number; name: K; request: Calls[K]['request'] }
    }[CallName]
  | { kind: 'abort'; id: number }

/** From worker to page: progress of a call, and how it ended. */
export type ToPage =
  | { kind: 'progress'; id: number; progress: Progress }
  | { kind: 'reply'; id: number; reply: Calls[CallName]['reply'] }
  | { kind: 'error'; id: number; error: PlainError }

/** The buffers of the traced tensors in a reply, which move to the page instead of being copied. */
export function buffersOf(reply: Calls[CallName]['reply']): ArrayBuffer[] {
  const ofPrompt = (reply as Partial<PromptStep> | null)?.traces
  const parts: unknown[] = ofPrompt ?? (Array.isArray(reply) ? reply : [reply])
  const traces = parts.flatMap((part) => (part as { trace?: Snapshot[] } | null)?.trace ?? [])
  return [...new Set(traces.map((snapshot) => snapshot.data.buffer as ArrayBuffer))]
}
