// Keeps the address equal to the page and the scene that it shows, both ways.
import { FIELDS, pageOf, placeOf, toAddress, type Place, type Tab } from './address'
import { page } from './page.svelte'

interface Mirrored {
  readonly now: Place
  change(change: Partial<Place>): void
}

/** Call it once, inside a component. */
export function mirrorInAddress(scenes: Record<Tab, Mirrored>): void {
  const address = () => toAddress(page.now, scenes[page.now.tab].now)
  $effect(() => {
    const now = address()
    if (now !== location.hash) history.replaceState(null, '', now)
  })
  $effect(() => {
    const follow = () => {
      if (location.hash === address()) return
      const found = pageOf(location.hash)
      const place = placeOf(location.hash)
      page.change(found)
      // What the address does not hold stays.
      const named = FIELDS[found.tab].map((name) => [name, place[name]])
      scenes[found.tab].change(Object.fromEntries(named))
    }
    window.addEventListener('hashchange', follow)
    return () => window.removeEventListener('hashchange', follow)
  })
}
