// The names of the tensors that the page reads: built and taken apart here, and nowhere else.
import type { Snapshot } from 'glassformer'

/** A layer's number, or `*` for every layer in a pattern. */
type Layer = number | '*'

const attention = <Block extends string>(block: Block) =>
  ({ scores: `${block}.scores`, weights: `${block}.weights` }) as const

/** The source looks at itself. */
export const encoderAttention = <L extends Layer>(layer: L) =>
  attention(`encoder.${layer}.self_attention` as const)

/** Each position looks at itself and back; `slot` is what it puts into its slot of the ring. */
export const maskedAttention = <L extends Layer>(layer: L) => {
  const block = `decoder.${layer}.self_attention` as const
  return { ...attention(block), slot: `${block}.slot` } as const
}

/** The target looks at the source. */
export const crossAttention = <L extends Layer>(layer: L) =>
  attention(`decoder.${layer}.cross_attention` as const)

/** What every token of the vocabulary got from the last layer. */
export const LOGITS = 'logits'

type Members<Names> = Names extends (layer: Layer) => infer Group ? Group[keyof Group] : never
/** A name of one tensor, or with `*` a pattern of several. */
export type Site =
  | Members<typeof encoderAttention>
  | Members<typeof maskedAttention>
  | Members<typeof crossAttention>
  | typeof LOGITS

/** Whether the last axis of a tensor is that of the ring's slots. */
export const isOverSlots = (name: string): boolean =>
  /^decoder\.\d+\.self_attention\.(scores|weights)$/.test(name)

/** A traced tensor; it must have been asked for. */
export function traced(trace: readonly Snapshot[], site: Site): Snapshot {
  const found = trace.find((entry) => entry.site === site)
  if (!found) throw new Error(`The step holds no ${site}`)
  return found
}

/** The first traced tensor over the ring's slots, if there is one. */
export const overSlots = (trace: readonly Snapshot[]): Snapshot | undefined =>
  trace.find(({ site }) => isOverSlots(site))
