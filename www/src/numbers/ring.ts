// The K-V ring after a step, slot by slot, as the `ring` tensor held it when a slot was written.
import type { Ring, Snapshot, Token } from 'glassformer'
import { snapshot, type Query } from './attention'

export type SlotState = 'written' | 'read' | 'free'

export interface Slot {
  slot: number
  state: SlotState
  /** Whether it is never overwritten. */
  sink: boolean
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
  /** The position that the step's own took the slot of; null where that was free. */
  replaced: number | null
  /** The greatest absolute value of the keys and of the values: the ends of their scales. */
  reach: { key: number; value: number }
}

/** A step as far as the ring is concerned. */
export interface RingStep {
  readonly position: number
  readonly ring: Ring
  readonly trace: readonly Snapshot[]
}

/**
 * `steps` up to the one shown, and all queries up to its own. Of `[C, 2, G, K]`, key then value,
 * the first step has every slot and a later one the slot that it wrote.
 */
export function ringContent(
  steps: readonly RingStep[],
  queries: readonly Query[],
  layer: number,
  head: number,
  heads: number,
): RingContent {
  const step = steps.at(-1)!
  const site = `decoder.${layer}.self_attention.ring`
  const rings = steps.map(({ trace }) => snapshot(trace, site))
  const weights = snapshot(step.trace, `decoder.${layer}.self_attention.weights`)
  const [, , groups = 0, width = 0] = rings[0]!.shape
  const used = weights.shape.at(-1)!
  const group = Math.floor((head * groups) / heads)
  const first = steps[0]!.position
  const vector = (slot: number, position: number, which: 0 | 1) => {
    const writer = Math.max(0, position - first)
    const { shape, data } = rings[writer]!
    const row = shape[0] === 1 ? 0 : slot
    const start = ((row * 2 + which) * groups + group) * width
    return data.subarray(start, start + width)
  }
  const reach = { key: 0, value: 0 }
  const { positions, written, sinks } = step.ring
  const slots = positions.map((position, slot): Slot => {
    const empty = { position: null, token: null, weight: null, key: null, value: null }
    const sink = slot < sinks
    if (position < 0) return { slot, sink, state: 'free', ...empty }
    const key = vector(slot, position, 0)
    const value = vector(slot, position, 1)
    for (const number of key) reach.key = Math.max(reach.key, Math.abs(number))
    for (const number of value) reach.value = Math.max(reach.value, Math.abs(number))
    return {
      slot,
      sink,
      position,
      key,
      value,
      state: slot === written ? 'written' : 'read',
      token: queries[position]?.token ?? null,
      weight: weights.data[head * used + slot]!,
    }
  })
  const before = queries.at(-2)?.held[written] ?? -1
  const replaced = before < 0 ? null : before
  return { site, shape: rings[0]!.shape, slots, replaced, reach }
}
