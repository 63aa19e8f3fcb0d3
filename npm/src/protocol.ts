// Every message between the page and its worker: one protocol for every task.

import type { Source } from './address.js'
import type { PlainError } from './errors.js'
import type { GeneratorFacts, ModelFacts } from './facts.js'
import type {
  Choice,
  GenerateOptions,
  Message,
  PromptStep,
  Sampling,
  WriteStep,
  WrittenText,
} from './generator_types.js'
import type { EngineRequest } from './loading.js'
import type { Snapshot, Storage } from './raw.js'
import type {
  Adapter,
  DecodeStep,
  EncodeStep,
  KeptModel,
  Progress,
  Token,
  TranslateOptions,
  Translation,
} from './types.js'

/** What each task is about: its models, what goes in, what comes out step by step and at once. */
export interface Tasks {
  translate: {
    facts: ModelFacts
    input: string
    options: Omit<TranslateOptions, 'signal'>
    first: EncodeStep
    step: DecodeStep
    whole: Translation
  }
  write: {
    facts: GeneratorFacts
    input: string | Message[]
    options: Omit<GenerateOptions, 'signal'>
    first: PromptStep
    step: WriteStep
    whole: WrittenText
  }
}

export type TaskName = keyof Tasks

/** The calls that the page may make: what goes out and what comes back. */
export interface Calls<N extends TaskName = TaskName> {
  load: {
    request: EngineRequest & {
      task: N
      source: Source
      /** Null keeps matrices as the file has them. */
      storage: Storage | null
      sha256: string | null
      cache: boolean
    }
    reply: { adapter: Adapter; facts: Tasks[N]['facts']; sites: string[]; hasChatTemplate: boolean }
  }
  /** Reads one input; `run`, a number of the page's choice, stands for what follows until `end`. */
  begin: {
    request: { run: number; input: Tasks[N]['input']; options: Tasks[N]['options'] }
    reply: Tasks[N]['first']
  }
  /** Up to `count` further steps; none when the run is complete. */
  next: { request: { run: number; count: number }; reply: Tasks[N]['step'][] }
  /** Frees a run, if it is there: one whose `begin` failed or was aborted is not. */
  end: { request: { run: number }; reply: null }
  /** All that is made of many inputs, in their order. */
  all: {
    request: { inputs: Tasks[N]['input'][]; options: Tasks[N]['options'] }
    reply: Tasks[N]['whole'][]
  }
  reconsider: {
    request: {
      logits: Float32Array
      history: number[]
      sampling: Sampling & { candidates?: number }
    }
    reply: Choice
  }
  tokenize: { request: { text: string }; reply: Token[] }
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
