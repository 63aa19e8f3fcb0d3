// What is kept of a step's tensors: attention over slots in use only.
import type { Snapshot } from 'glassformer'
import { isOverSlots } from '../sites'

/** The first `count` of the last axis, whose size is that of the ring. */
function firstSlots(tensor: Snapshot, count: number): Snapshot {
  const capacity = tensor.shape.at(-1) ?? 0
  if (count >= capacity) return tensor
  const rows = tensor.data.length / capacity
  const data = new Float32Array(rows * count)
  for (let row = 0; row < rows; row++) {
    const from = row * capacity
    data.set(tensor.data.subarray(from, from + count), row * count)
  }
  return { ...tensor, shape: [...tensor.shape.slice(0, -1), count], data }
}

/** Slots fill from the first on, so attention reads the first `used` only. */
export function kept(trace: readonly Snapshot[], used: number): Snapshot[] {
  return trace.map((tensor) => (isOverSlots(tensor.site) ? firstSlots(tensor, used) : tensor))
}
