// The page as a whole: which tab is shown, its language, light or dark. All of it shares these.
import { words, type Words } from '../messages'
import { pageOf, type PageState, type Theme } from './address'

let current = $state.raw<PageState>(Object.freeze(pageOf(location.hash)))

/** The system's theme, and the visitor's choice over it. */
const systemDark = window.matchMedia('(prefers-color-scheme: dark)')
let systemIsDark = $state(systemDark.matches)
systemDark.addEventListener('change', (event) => (systemIsDark = event.matches))

export const page = {
  get now(): PageState {
    return current
  },
  /** Replaces the state by a changed copy. */
  change(change: Partial<PageState>): void {
    current = Object.freeze({ ...current, ...change })
  },
  /** The words of its language. */
  get say(): Words {
    return words[current.language]
  },
  get theme(): Theme {
    return current.theme ?? (systemIsDark ? 'dark' : 'light')
  },
}
