// What the visitor looks at: one immutable state, mirrored in the address, which restores it.
import { FIELDS, fromAddress, toAddress, type Tab, type Theme, type View } from './address'

let current = $state.raw<View>(Object.freeze(fromAddress(location.hash)))
/** Each tab's own place, kept while the other one is shown. */
const places: Partial<Record<Tab, Partial<View>>> = {}

const askedStep = /[#&]step=/.test(location.hash) ? current.tab : null
/** Whether the address asked for a certain step of a tab, which goes there instead of playing. */
export const addressHadStep = (tab: Tab): boolean => tab === askedStep

export const view = {
  get now(): View {
    return current
  },
  /** Replaces the state by a changed copy. */
  change(change: Partial<View>): void {
    current = Object.freeze({ ...current, ...change })
  },
  /** Shows the other tab as it was left. */
  turnTo(tab: Tab): void {
    if (tab === current.tab) return
    const { step, layer, head, panel } = current
    places[current.tab] = { step, layer, head, panel }
    const { language, theme } = current
    const fresh = fromAddress(`#tab=${tab}`)
    const first = { step: 0, layer: 0, head: fresh.head, panel: fresh.panel }
    view.change({ language, theme, tab, ...(places[tab] ?? first) })
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
      if (location.hash === toAddress(current)) return
      // What the address does not hold is the other tab's, and stays.
      const found = fromAddress(location.hash)
      view.change(Object.fromEntries(FIELDS[found.tab].map((name) => [name, found[name]])))
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
