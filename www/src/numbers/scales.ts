// Colours of numbers: one sequential scale for weights, one diverging one for signed values.
import type { Theme } from '../state/address'
import { blend } from './lab'

const ANCHORS = {
  // Lightness falls (light) or rises (dark) all the way: safe for colour-blind eyes, and in grey.
  weights: {
    light: ['#faf8f5', '#e6dcf5', '#bfa3e6', '#8b5fcb', '#582c9b', '#270c52'],
    dark: ['#201f28', '#372b5e', '#5a429c', '#8a6bd6', '#c0a8f6', '#f7f1ff'],
  },
  // Teal for negative, orange for positive: told apart by every kind of colour vision.
  signed: {
    light: ['#0a5560', '#2f97a3', '#a9d6d9', '#f8f6f2', '#f3c796', '#d17f2c', '#843f04'],
    dark: ['#a9f2f7', '#3fb4c0', '#1d5f69', '#24232c', '#80511f', '#d98f3f', '#ffe0b3'],
  },
} as const

export type Scale = keyof typeof ANCHORS
const STEPS = 256

const palette = (anchors: readonly string[]): string[] =>
  blend(anchors, STEPS).map((colour) => `rgb(${colour.join(', ')})`)

const PALETTES: Record<Scale, Record<Theme, string[]>> = {
  weights: { light: palette(ANCHORS.weights.light), dark: palette(ANCHORS.weights.dark) },
  signed: { light: palette(ANCHORS.signed.light), dark: palette(ANCHORS.signed.dark) },
}

const at = <Colour>(colours: ArrayLike<Colour>, share: number) =>
  colours[Math.round(Math.min(1, Math.max(0, share)) * (STEPS - 1))]!

/** A weight, 0 to 1. */
export const weightColour = (theme: Theme, weight: number) => at(PALETTES.weights[theme], weight)

/** The same scale as pixels of a picture, for maps of many cells. */
const pixels = (colours: string[]) => {
  const bytes = colours.flatMap((colour) => [...colour.match(/\d+/g)!.slice(0, 3).map(Number), 255])
  return new Uint32Array(Uint8Array.from(bytes).buffer)
}
const WEIGHT_PIXELS: Record<Theme, Uint32Array> = {
  light: pixels(PALETTES.weights.light),
  dark: pixels(PALETTES.weights.dark),
}
export const weightPixel = (theme: Theme, weight: number) => at(WEIGHT_PIXELS[theme], weight)

/** A signed value between −reach and reach, zero in the middle. */
export const signedColour = (theme: Theme, value: number, reach: number) =>
  at(PALETTES.signed[theme], reach > 0 ? 0.5 + value / (2 * reach) : 0.5)

/** The whole scale as a CSS gradient, lowest first. */
export const gradient = (scale: Scale, theme: Theme) =>
  `linear-gradient(to right, ${ANCHORS[scale][theme].join(', ')})`

/** Ink that can be read on a weight's colour. */
export const inkOn = (theme: Theme, weight: number) =>
  (theme === 'light') === weight < 0.55 ? '#1c1b22' : '#ffffff'
