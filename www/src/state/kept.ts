// What is kept of a step's tensors: attention over slots in use, and of the ring what is new.
import type { Snapshot } from 'glassformer'

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

/**
 * Slots fill from the first on, so attention reads the first `used` only. Of the ring `written`
 * names the one slot that is not in the steps before; null keeps it whole.
 */
export function kept(
  trace: readonly Snapshot[],
  used: number,
  written: number | null = null,
): Snapshot[] {
  return trace.map((tensor) => {
    if (/^decoder\..*self_attention\.(scores|weights)$/.test(tensor.site)) {
      return firstSlots(tensor, used)
    }
    if (written === null || !tensor.site.endsWith('.ring')) return tensor
    const [slots = 1, ...rest] = tensor.shape
    const size = tensor.data.length / slots
    const start = written * size
    return { ...tensor, shape: [1, ...rest], data: tensor.data.slice(start, start + size) }
  })
}
