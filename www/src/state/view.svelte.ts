// What the visitor looks at: one immutable state, mirrored in the address, which restores it.
import type { Language } from '../messages'
import presets from '../presets.json'

export type Panel = 'cross' | 'encoder' | 'decoder' | 'ring'
export const PANELS: readonly Panel[] = ['cross', 'encoder', 'decoder', 'ring']
export type Head = number | 'mean'
export type Theme = 'light' | 'dark'

export interface View {
  readonly input: string
  /** 0 is the encoder's step, n the n-th token; more than there are means: up to the end. */
  readonly step: number
  readonly layer: number
  readonly head: Head
  readonly panel: Panel
  readonly language: Language
  /** Null follows the system. */
  readonly theme: Theme | null
}

const natural = (text: string | null): number | null =>
  text !== null && /^\d{1,6}$/.test(text) ? Number(text) : null

const oneOf = <Choice extends string>(text: string | null, choices: readonly Choice[]) =>
  choices.find((choice) => choice === text) ?? null

/** The language of the browser decides until the visitor does. */
const browserLanguage = (): Language => (/^zh\b/i.test(navigator.language) ? 'zh' : 'en')

function fromAddress(address: string): View {
  const fields = new URLSearchParams(address.replace(/^#/, ''))
  const head = fields.get('head')
  return {
    input: fields.get('input') ?? presets.sentences[0]!.chinese,
    step: natural(fields.get('step')) ?? 0,
    layer: natural(fields.get('layer')) ?? 0,
    head: head === 'mean' ? 'mean' : (natural(head) ?? 'mean'),
    panel: oneOf(fields.get('panel'), PANELS) ?? 'cross',
    language: oneOf(fields.get('language'), ['zh', 'en'] as const) ?? browserLanguage(),
    theme: oneOf(fields.get('theme'), ['light', 'dark'] as const),
  }
}

function toAddress(view: View): string {
  const fields = new URLSearchParams()
  for (const [name, value] of Object.entries(view)) {
    if (value !== null) fields.set(name, String(value))
  }
  return `#${fields}`
}

let current = $state.raw<View>(Object.freeze(fromAddress(location.hash)))

/** Whether the address asked for a certain step, so that the page goes there instead of playing. */
export const addressHadStep = /[#&]step=/.test(location.hash)

export const view = {
  get now(): View {
    return current
  },
  /** Replaces the state by a changed copy. */
  change(change: Partial<View>): void {
    current = Object.freeze({ ...current, ...change })
  },
}

/** Keeps the address and the state equal, both ways; call it once, inside a component. */
export function mirrorInAddress(): void {
  $effect(() => {
    const address = toAddress(current)
    if (address !== location.hash) history.replaceState(null, '', address)
  })
  $effect(() => {
    const follow = () => {
      if (location.hash !== toAddress(current)) view.change(fromAddress(location.hash))
    }
    window.addEventListener('hashchange', follow)
    return () => window.removeEventListener('hashchange', follow)
  })
}

/** The system's theme, and the visitor's choice over it. */
const systemDark = window.matchMedia('(prefers-color-scheme: dark)')
let systemIsDark = $state(systemDark.matches)
systemDark.addEventListener('change', (event) => (systemIsDark = event.matches))

export const theme = {
  get now(): Theme {
    return current.theme ?? (systemIsDark ? 'dark' : 'light')
  },
}
