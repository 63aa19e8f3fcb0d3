// Options as the engine wants them: all there, and numbers that are possible.

import { GlassformerError } from './errors.js'
import type { Sampling } from './generator_types.js'
import type { RawSampling } from './raw.js'

/** A finite number, `preset` where none was given. */
export function finite(name: string, value: number | undefined, preset: number): number {
  if (value === undefined) return preset
  if (Number.isFinite(value)) return value
  throw new GlassformerError('input', `${name}: expected a number, found ${String(value)}.`)
}

/** A whole number from 1 on (or from `least`), `preset` where none was given. */
export function wholeNumber<P extends number | null>(
  name: string,
  value: number | undefined,
  preset: P,
  least = 1,
): number | P {
  if (value === undefined) return preset
  if (Number.isInteger(value) && value >= least && value < 2 ** 32) return value
  const expected = least === 1 ? 'a whole number above 0' : `a whole number from ${least} on`
  throw new GlassformerError('input', `${name}: expected ${expected}, found ${String(value)}.`)
}

/** How to draw, the likeliest by default; what the numbers mean, the engine checks. */
export function samplingOf(sampling: Sampling): RawSampling {
  return {
    temperature: finite('temperature', sampling.temperature, 0),
    topK: wholeNumber('topK', sampling.topK, 0, 0),
    topP: finite('topP', sampling.topP, 1),
    minP: finite('minP', sampling.minP, 0),
    repetitionPenalty: finite('repetitionPenalty', sampling.repetitionPenalty, 1),
    seed: wholeNumber('seed', sampling.seed, 0, 0),
  }
}

/** Ids that are all of the vocabulary. */
export function checkedIds(name: string, ids: number[], vocabulary: number): number[] {
  const bad = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary))
  if (bad === undefined) return ids
  const message = `${name}: expected ids from 0 to ${vocabulary - 1}, found ${String(bad)}.`
  throw new GlassformerError('input', message)
}
