// The translator's session: the shipped model, and translations whose every step can be looked at.
import { Translator, type DecodeStep, type EncodeStep, type Step } from 'glassformer'
import { Player } from './player.svelte'
import { Session, type Run } from './session.svelte'

const MODEL = new URL('models/zh-en/', document.baseURI)
/** What every step is asked to show; the rest of the engine's tensors stay where they are. */
const TRACE = [
  'encoder.*.self_attention.scores',
  'encoder.*.self_attention.weights',
  'decoder.*.self_attention.scores',
  'decoder.*.self_attention.weights',
  'decoder.*.self_attention.slot',
  'decoder.*.cross_attention.scores',
  'decoder.*.cross_attention.weights',
]
const CANDIDATES = 10
/** Attention is kept slot by slot, so the longest translation shown is bounded. */
const SLOTS = { least: 16, most: 128 }

/** Slots for twice the source's tokens, a power of two: the ring can be drawn slot by slot. */
function slotsFor(sourceTokens: number): number {
  let slots = SLOTS.least
  while (slots < 2 * sourceTokens + 8 && slots < SLOTS.most) slots *= 2
  return slots
}

class Translation extends Session<Translator, string, EncodeStep, DecodeStep> {
  protected nothing(): string {
    return ''
  }

  open(): Promise<void> {
    return this.load((options) => Translator.load(MODEL, options))
  }

  protected async start(
    translator: Translator,
    { task }: Run<string, EncodeStep, DecodeStep>,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<Step, void>> {
    const slots = slotsFor((await translator.tokenize(task)).length)
    const options = { trace: TRACE, candidates: CANDIDATES, maxTokens: slots, ringCapacity: slots }
    return translator.translate(task, { signal, ...options })
  }
}

export const translation = new Translation()
export const translationPlayer = new Player(translation)
