// The K-V ring after a step, slot by slot: what each position put there.
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
 * `step` is the one shown, `queries` are all up to its own: the tensors of each have what it put into
 * its slot, `[T, 2, G, K]`, key then value.
 */
export function ringContent(
  step: RingStep,
  queries: readonly Query[],
  layer: number,
  head: number,
  heads: number,
): RingContent {
  const site = `decoder.${layer}.self_attention.slot`
  const own = snapshot(step.trace, site)
  const weights = snapshot(step.trace, `decoder.${layer}.self_attention.weights`)
  const [, , groups = 0, width = 0] = own.shape
  const used = weights.shape.at(-1)!
  const group = Math.floor((head * groups) / heads)
  const vectors = (position: number) => {
    const { trace, row } = queries[position]!
    const { data } = snapshot(trace, site)
    const start = (row * 2 * groups + group) * width
    const half = groups * width
    return {
      key: data.subarray(start, start + width),
      value: data.subarray(start + half, start + half + width),
    }
  }
  const reach = { key: 0, value: 0 }
  const { positions, written, sinks } = step.ring
  const slots = positions.map((position, slot): Slot => {
    const empty = { position: null, token: null, weight: null, key: null, value: null }
    const sink = slot < sinks
    if (position < 0) return { slot, sink, state: 'free', ...empty }
    const { key, value } = vectors(position)
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
  return { site, shape: own.shape, slots, replaced, reach }
}
