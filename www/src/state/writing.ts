// Writing on the page: the shipped model or one of the visitor's, and other choices from kept logits.
import { TextGenerator, type Choice } from 'glassformer'
import { LOGITS, overSlots, traced } from '../sites'
import type { Levers } from './address'
import { kept } from './kept'
import { slotsFor } from './slots'
import type { Session } from './session.svelte'
import type { Work } from './work'

/** Name of the shipped model's folder. */
export const SHIPPED = 'tang-poems'
const MODEL = new URL(`models/${SHIPPED}/`, document.baseURI)
const CANDIDATES = 12
/** Tokens written at most before the visitor asks for more: every step is kept whole. */
const STRETCH = 128
/** The ring's slots at most where the visitor leaves them to the page. */
const MOST_SLOTS = 512

export const writing: Work<'write'> = {
  open: (source, options) => TextGenerator.load(source ?? MODEL, options),

  async start(generator, { asked, steps }, trace, signal) {
    const { input, levers, wish } = asked
    const text = typeof input === 'string' ? input : input.map(({ content }) => content).join()
    const { positions, maxPositions } = generator.model
    const most = positions === 'learned' ? Math.min(maxPositions, MOST_SLOTS) : MOST_SLOTS
    const wanted = (await generator.tokenize(text)).length + STRETCH
    const slots = wish.ring || slotsFor(wanted, most)
    return generator.generate(input, {
      ...levers,
      signal,
      continuation: steps.map(({ token }) => token.id),
      trace,
      candidates: CANDIDATES,
      maxTokens: STRETCH,
      ringCapacity: slots,
      sinks: Math.min(wish.sinks, slots / 2),
    })
  },

  keep(first) {
    let capacity = 0
    const traces = first.traces.map((chunk) => {
      const [, rows = 0, slots = 0] = overSlots(chunk.trace)?.shape ?? []
      capacity = slots
      return { ...chunk, trace: kept(chunk.trace, chunk.first + rows) }
    })
    return { ...first, traces, capacity }
  },
}

/** What other levers choose from the logits of the step at `index`; the model does not run. */
export function reconsider(
  { engine, run: { first, steps } }: Session<'write'>,
  index: number,
  levers: Levers,
): Promise<Choice> {
  const logits = traced(steps[index]!.trace, LOGITS).data
  const written = steps.slice(0, index).map(({ token }) => token)
  const history = [...(first?.tokens ?? []), ...written].map(({ id }) => id)
  return engine!.reconsider(logits, history, { ...levers, candidates: CANDIDATES })
}
