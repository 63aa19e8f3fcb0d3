// Options as the engine wants them: all there, and numbers that are possible.

import { GlassformerError } from './errors.js'

/** A finite number, `preset` where none was given. */
export function finite(name: string, value: number | undefined, preset: number): number {
  if (value === undefined) return preset
  if (Number.isFinite(value)) return value
  throw new GlassformerError('input', `${name}: expected a number, found ${String(value)}.`)
}

/** A whole number from 1 on (or from `least`), `preset` where none was given. */
export function wholeNumber(
  name: string,
  value: number | undefined,
  preset: number,
  least = 1,
): number {
  if (value === undefined) return preset
  if (Number.isInteger(value) && value >= least && value < 2 ** 32) return value
  const expected = least === 1 ? 'a whole number above 0' : `a whole number from ${least} on`
  throw new GlassformerError('input', `${name}: expected ${expected}, found ${String(value)}.`)
}
