// Which position stands in which slot of the K-V ring.

/**
 * What each of `capacity` slots holds once `position` has been written: the first `sinks` slots
 * keep the first positions, the others take turns; -1 where a slot is still free.
 */
export function heldAt(position: number, capacity: number, sinks: number): number[] {
  return Array.from({ length: capacity }, (_, slot) => {
    if (slot > position) return -1
    if (slot < sinks) return slot
    const turns = Math.floor((position - slot) / (capacity - sinks))
    return slot + turns * (capacity - sinks)
  })
}
