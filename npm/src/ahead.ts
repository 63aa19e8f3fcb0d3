// Steps that are asked for before their reader wants them.

/**
 * Asks for 1, 2, 4, … steps while the reader reads those before, `ahead` at most; with 1, none is
 * asked for early. A step with `finish` is the last, and so is the end of the steps.
 */
export async function* stepsAhead<S extends { finish: unknown }>(
  next: (count: number) => Promise<S[]>,
  ahead: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<S, void> {
  const ask = (count: number) => {
    const steps = next(count)
    // The reader may leave before it waits for these; an error that it does wait for reaches it
    // all the same.
    steps.catch(() => {})
    return steps
  }
  let count = 1
  let coming = ask(count)
  for (;;) {
    const steps = await coming
    const finished = steps.length === 0 || steps.at(-1)!.finish !== null
    count = Math.min(count * 2, ahead)
    if (!finished && ahead > 1) coming = ask(count)
    for (const step of steps) {
      signal?.throwIfAborted()
      yield step
    }
    if (finished) return
    if (ahead === 1) coming = ask(count)
  }
}
