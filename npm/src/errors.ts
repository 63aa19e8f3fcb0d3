// The one error class that this package throws, and the form in which it leaves the worker.

import type { ErrorCode } from './types.js'

/** Something went wrong; `code` says what kind of thing, `message` what exactly and what to do. */
export class GlassformerError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'GlassformerError'
    this.code = code
  }
}

/** An error as a message can carry it. */
export interface PlainError {
  code: ErrorCode
  message: string
}

const CODES: ReadonlySet<unknown> = new Set<ErrorCode>([
  'no-webgpu',
  'device-lost',
  'memory',
  'download',
  'weights',
  'config',
  'tokenizer',
  'input',
  'trace',
  'busy',
  'disposed',
  'internal',
])

/**
 * Anything thrown, as this package's error: the engine's own keep their code, all others are
 * `internal`.
 */
export function asGlassformerError(thrown: unknown): GlassformerError {
  if (thrown instanceof GlassformerError) return thrown
  if (!(thrown instanceof Error)) return new GlassformerError('internal', String(thrown))
  const code = (thrown as { code?: unknown }).code
  if (CODES.has(code))
    return new GlassformerError(code as ErrorCode, thrown.message, { cause: thrown })
  return new GlassformerError('internal', `${thrown.name}: ${thrown.message}`, { cause: thrown })
}
