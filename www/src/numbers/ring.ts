// The K-V ring after a step, slot by slot: what each position put there when it was written.
import type { Ring, Snapshot, Token } from 'glassformer'
import { maskedAttention, traced, type Site } from '../sites'
import type { Query } from './attention'

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
  /** Of the tensor that they were read from, at the step or the part of the prompt that wrote them. */
  shape: readonly number[]
}

export interface RingContent {
  /** What every key and value was read from, when it was written. */
  vectors: Site
  /** What the weights were read from; its last axis is as long as the ring. */
  weights: { site: Site; shape: readonly number[] }
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
  const sites = maskedAttention(layer)
  const own = traced(step.trace, sites.slot)
  const weights = traced(step.trace, sites.weights)
  const [, , groups = 0, width = 0] = own.shape
  const used = weights.shape.at(-1)!
  const group = Math.floor((head * groups) / heads)
  const vectors = (position: number) => {
    const { trace, row } = queries[position]!
    const { data, shape } = traced(trace, sites.slot)
    const start = (row * 2 * groups + group) * width
    const half = groups * width
    return {
      shape,
      key: data.subarray(start, start + width),
      value: data.subarray(start + half, start + half + width),
    }
  }
  const reach = { key: 0, value: 0 }
  const { positions, written, sinks } = step.ring
  const slots = positions.map((position, slot): Slot => {
    const empty = { position: null, token: null, weight: null, key: null, value: null, shape: [] }
    const sink = slot < sinks
    if (position < 0) return { slot, sink, state: 'free', ...empty }
    const { key, value, shape } = vectors(position)
    for (const number of key) reach.key = Math.max(reach.key, Math.abs(number))
    for (const number of value) reach.value = Math.max(reach.value, Math.abs(number))
    return {
      slot,
      sink,
      position,
      key,
      value,
      shape,
      state: slot === written ? 'written' : 'read',
      token: queries[position]?.token ?? null,
      weight: weights.data[head * used + slot]!,
    }
  })
  const before = queries.at(-2)?.held[written] ?? -1
  const replaced = before < 0 ? null : before
  return {
    vectors: sites.slot,
    weights: { site: sites.weights, shape: [...weights.shape.slice(0, 2), positions.length] },
    slots,
    replaced,
    reach,
  }
}
