// How many slots of the K-V ring a run gets.

const LEAST = 16

/** A power of two with room for `positions`, but no more than `most` has use for. */
export function slotsFor(positions: number, most: number): number {
  let slots = LEAST
  while (slots < positions && slots < most) slots *= 2
  return slots
}
