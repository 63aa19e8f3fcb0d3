// What the page's address holds: the view as fields, and the fields as a view.
import type { Language } from '../messages'
import presets from '../presets.json'

export type Tab = 'translate' | 'write'
export const TABS: readonly Tab[] = ['translate', 'write']
export type Panel = 'cross' | 'encoder' | 'decoder' | 'ring'
export const PANELS: Record<Tab, readonly Panel[]> = {
  translate: ['cross', 'encoder', 'decoder', 'ring'],
  write: ['decoder', 'ring'],
}
export type Head = number | 'mean'
export type Theme = 'light' | 'dark'

/** How the next token is drawn from the model's probabilities. */
export interface Levers {
  /** 0 takes the most probable token. */
  readonly temperature: number
  /** 0, 1, 0 and 1 leave these four out. */
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly seed: number
}

/** What is asked of the K-V ring. */
export interface RingWish {
  /** Slots; 0 leaves room for everything. */
  readonly ring: number
  /** First positions that are never overwritten. */
  readonly sinks: number
}

export interface View extends Levers, RingWish {
  readonly tab: Tab
  /** What is translated. */
  readonly input: string
  /** What is written on from; null takes the model's first example. */
  readonly prompt: string | null
  /** Earlier messages of a chat: the visitor's and the model's by turns. */
  readonly chat: readonly string[]
  /** Address of a model of the visitor's choice, or the name of a file; null is the shipped one. */
  readonly model: string | null
  /** 0 is the pass before the first token, n the n-th token; more than there are: to the end. */
  readonly step: number
  readonly layer: number
  readonly head: Head
  readonly panel: Panel
  readonly language: Language
  /** Null follows the system. */
  readonly theme: Theme | null
}

/** Sizes of the ring that one may ask for; 0 leaves room for everything. */
export const RINGS: readonly number[] = [0, 8, 16, 32, 64, 128, 256]

const PLACE = ['step', 'layer', 'head', 'panel', 'language', 'theme'] as const
export const LEVERS = ['temperature', 'topK', 'topP', 'minP', 'repetitionPenalty', 'seed'] as const
/** The fields that a tab's address holds. */
export const FIELDS: Record<Tab, readonly (keyof View)[]> = {
  translate: ['tab', 'input', ...PLACE],
  write: ['tab', 'model', 'prompt', 'chat', ...LEVERS, 'ring', 'sinks', ...PLACE],
}

const natural = (text: string | null): number | null =>
  text !== null && /^\d{1,6}$/.test(text) ? Number(text) : null

/** A number between two ends, or what is meant without one. */
const within = (text: string | null, least: number, most: number, preset: number) =>
  text !== null && /^\d+(\.\d+)?$/.test(text) ? Math.min(most, Math.max(least, +text)) : preset

const oneOf = <Choice extends string>(text: string | null, choices: readonly Choice[]) =>
  choices.find((choice) => choice === text) ?? null

/** The language of the browser decides until the visitor does. */
const browserLanguage = (): Language => (/^zh\b/i.test(navigator.language) ? 'zh' : 'en')

function messages(text: string | null): string[] {
  try {
    const found: unknown = JSON.parse(text ?? '[]')
    const all = Array.isArray(found) && found.every((part) => typeof part === 'string')
    return all && found.length % 2 === 0 ? found : []
  } catch {
    return []
  }
}

export function fromAddress(address: string): View {
  const fields = new URLSearchParams(address.replace(/^#/, ''))
  const head = fields.get('head')
  const tab = oneOf(fields.get('tab'), TABS) ?? 'translate'
  const size = natural(fields.get('ring')) ?? 0
  const ring = RINGS.includes(size) ? size : 0
  return {
    tab,
    input: fields.get('input') ?? presets.sentences[0]!.chinese,
    prompt: fields.get('prompt'),
    chat: messages(fields.get('chat')),
    model: fields.get('model'),
    temperature: within(fields.get('temperature'), 0, 2, 0.8),
    topK: natural(fields.get('topK')) ?? 0,
    topP: within(fields.get('topP'), 0.05, 1, 0.9),
    minP: within(fields.get('minP'), 0, 0.5, 0),
    repetitionPenalty: within(fields.get('repetitionPenalty'), 1, 2, 1),
    seed: natural(fields.get('seed')) ?? 1,
    ring,
    sinks: Math.min(natural(fields.get('sinks')) ?? 0, ring / 2),
    step: natural(fields.get('step')) ?? 0,
    layer: natural(fields.get('layer')) ?? 0,
    head: head === 'mean' ? 'mean' : (natural(head) ?? 'mean'),
    panel: oneOf(fields.get('panel'), PANELS[tab]) ?? PANELS[tab][0]!,
    language: oneOf(fields.get('language'), ['zh', 'en'] as const) ?? browserLanguage(),
    theme: oneOf(fields.get('theme'), ['light', 'dark'] as const),
  }
}

export function toAddress(view: View): string {
  const fields = new URLSearchParams()
  for (const name of FIELDS[view.tab]) {
    const value = view[name]
    if (name === 'chat') {
      if (view.chat.length > 0) fields.set(name, JSON.stringify(view.chat))
    } else if (value !== null) fields.set(name, String(value))
  }
  return `#${fields}`
}
