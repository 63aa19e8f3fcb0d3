// Numbers and tokens as text.
import type { Token } from 'glassformer'

/** A weight or probability in a chart: two places, or `<0.01`. */
export function short(number: number): string {
  return number > 0 && number < 0.005 ? '<0.01' : number.toFixed(2)
}

/** A number in a table or a formula. */
export const exact = (number: number, places = 4): string =>
  number.toFixed(places).replace('-', '−')

/** A probability of a candidate: the small ones keep two digits. */
export const chance = (p: number): string =>
  p > 0 && p < 0.0005 ? p.toExponential(1).replace('-', '−') : p.toFixed(4)

/** Visible text of a token: spaces and line ends are shown, nothing is ever empty. */
export function visible(token: Token): string {
  if (token.special) return token.text
  return token.text.replace(/ /g, '␣').replace(/\n/g, '⏎').replace(/\t/g, '⇥') || '∅'
}

/** The same without the leading space mark: for sentences. */
export const spoken = (token: Token): string => visible(token).replace(/^␣(?=.)/, '')

/** The last part of an address, or the name of a file from disk. */
export const fileName = (address: string): string =>
  decodeURIComponent(address.replace(/^file:|^.*\/(?=.)/, ''))

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`
  if (count < 1_000_000) return `${(count / 1000).toFixed(0)} kB`
  return `${(count / 1_000_000).toFixed(1)} MB`
}

export const grouped = (number: number): string => number.toLocaleString('en')

export const millions = (number: number): string => `${(number / 1e6).toFixed(1)} M`
