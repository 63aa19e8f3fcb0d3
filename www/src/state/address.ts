// What the page's address holds: the page and a scene's place as fields, and back.
import type { Language } from '../messages'
import presets from '../presets.json'

export type Tab = 'translate' | 'write'
export const TABS: readonly Tab[] = ['translate', 'write']
export type Head = number | 'mean'
export type Theme = 'light' | 'dark'

/** What holds for the whole page. */
export interface PageState {
  readonly tab: Tab
  readonly language: Language
  /** Null follows the system. */
  readonly theme: Theme | null
}

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

/** What is chosen in the charts. */
export interface Selection {
  readonly layer: number
  readonly head: Head
}

/** What a visitor set in a scene and where they look: all that it takes to show it again. */
export interface Place extends Levers, RingWish, Selection {
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
  /** The id of the panel that is shown; null, or one that the model has not, is the first. */
  readonly panel: string | null
}

/** Sizes of the ring that one may ask for; 0 leaves room for everything. */
export const RINGS: readonly number[] = [0, 8, 16, 32, 64, 128, 256]

const SHOWN = ['step', 'layer', 'head', 'panel'] as const
export const LEVERS = ['temperature', 'topK', 'topP', 'minP', 'repetitionPenalty', 'seed'] as const
/** The fields of a scene's place that its tab's address holds. */
export const FIELDS: Record<Tab, readonly (keyof Place)[]> = {
  translate: ['input', ...SHOWN],
  write: ['model', 'prompt', 'chat', ...LEVERS, 'ring', 'sinks', ...SHOWN],
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

const fieldsOf = (address: string) => new URLSearchParams(address.replace(/^#/, ''))

/** Whether an address asks for a certain step of a tab. */
export const hasStep = (address: string, tab: Tab): boolean =>
  fieldsOf(address).has('step') && pageOf(address).tab === tab

export function pageOf(address: string): PageState {
  const fields = fieldsOf(address)
  return {
    tab: oneOf(fields.get('tab'), TABS) ?? 'translate',
    language: oneOf(fields.get('language'), ['zh', 'en'] as const) ?? browserLanguage(),
    theme: oneOf(fields.get('theme'), ['light', 'dark'] as const),
  }
}

export function placeOf(address: string): Place {
  const fields = fieldsOf(address)
  const head = fields.get('head')
  const size = natural(fields.get('ring')) ?? 0
  const ring = RINGS.includes(size) ? size : 0
  return {
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
    panel: fields.get('panel'),
  }
}

export function toAddress(page: PageState, place: Place): string {
  const fields = new URLSearchParams({ tab: page.tab })
  const set = (name: string, value: unknown) => value !== null && fields.set(name, String(value))
  for (const name of FIELDS[page.tab]) {
    if (name !== 'chat') set(name, place[name])
    else if (place.chat.length > 0) set(name, JSON.stringify(place.chat))
  }
  set('language', page.language)
  set('theme', page.theme)
  return `#${fields}`
}
