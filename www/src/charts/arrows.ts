// Walking over a chart with the arrow keys.

const MOVES: Record<string, readonly [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
}

/** Rows and columns that an arrow key moves by; the chart takes the key, the page does not see it. */
export function arrowMove(event: KeyboardEvent): readonly [number, number] | undefined {
  const move = MOVES[event.key]
  if (!move) return undefined
  event.preventDefault()
  event.stopPropagation()
  return move
}

/** A place among `count`, kept inside. */
export function inside(place: number, count: number): number {
  return Math.min(count - 1, Math.max(0, place))
}
