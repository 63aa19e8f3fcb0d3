// The K-V ring after a step, slot by slot, as the `ring` tensor holds it.
import type { DecodeStep, Token } from 'glassformer'
import { snapshot } from './attention'

export type SlotState = 'written' | 'read' | 'free'

export interface Slot {
  slot: number
  state: SlotState
  /** The position it holds and the token that went in there; null where it is free. */
  position: number | null
  token: Token | null
  /** The weight that this step's query gave to it. */
  weight: number | null
  key: Float32Array | null
  value: Float32Array | null
}

export interface RingContent {
  site: string
  shape: readonly number[]
  slots: readonly Slot[]
  /** The greatest absolute value of the keys and values drawn: the ends of their scale. */
  reach: number
}

/** `steps` up to the one shown; `[C, 2, H, K]`: key, then value. */
export function ringContent(
  steps: readonly DecodeStep[],
  layer: number,
  head: number,
): RingContent {
  const step = steps.at(-1)!
  const site = `decoder.${layer}.self_attention.ring`
  const { shape, data } = snapshot(step.trace, site)
  const weights = snapshot(step.trace, `decoder.${layer}.self_attention.weights`)
  const [capacity = 0, , heads = 0, width = 0] = shape
  const vector = (slot: number, which: 0 | 1) => {
    const start = ((slot * 2 + which) * heads + head) * width
    return data.subarray(start, start + width)
  }
  let reach = 0
  const slots = step.ring.positions.map((position, slot): Slot => {
    if (position < 0) {
      return {
        slot,
        state: 'free',
        position: null,
        token: null,
        weight: null,
        key: null,
        value: null,
      }
    }
    const key = vector(slot, 0)
    const value = vector(slot, 1)
    for (const number of [...key, ...value]) reach = Math.max(reach, Math.abs(number))
    return {
      slot,
      position,
      key,
      value,
      state: slot === step.ring.written ? 'written' : 'read',
      token: steps[position]?.input ?? null,
      weight: weights.data[head * capacity + slot]!,
    }
  })
  return { site, shape, slots, reach }
}
