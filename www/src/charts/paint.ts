// Draws attention maps: colours for weights, hatching for the causal mask, dots for padding.
import type { AttentionMap, Kind } from '../numbers/attention'
import { inkOn, weightColour, weightPixel } from '../numbers/scales'
import type { Theme } from '../state/address'

const PATTERN_INK = { light: '#b3ada4', dark: '#565263' }
const GROUND = { light: '#ffffff', dark: '#1b1a21' }
/** Numbers are written into cells that are at least this large. */
const ROOM_FOR_NUMBERS = 29

export interface Grid {
  cellWidth: number
  cellHeight: number
}

/** A canvas of CSS size `width × height`, sharp on any screen. */
export function sharpContext(canvas: HTMLCanvasElement, width: number, height: number) {
  const ratio = window.devicePixelRatio || 1
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  const context = canvas.getContext('2d')!
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  return context
}

function hatch(context: CanvasRenderingContext2D, x: number, y: number, w: number, h: number) {
  const gap = Math.max(3, Math.min(6, w / 4))
  context.save()
  context.beginPath()
  context.rect(x, y, w, h)
  context.clip()
  context.beginPath()
  for (let offset = -h; offset < w; offset += gap) {
    context.moveTo(x + offset, y + h)
    context.lineTo(x + offset + h, y)
  }
  context.stroke()
  context.restore()
}

function dots(context: CanvasRenderingContext2D, x: number, y: number, w: number, h: number) {
  const count = Math.max(1, Math.min(3, Math.floor(w / 6)))
  const rows = Math.max(1, Math.min(3, Math.floor(h / 6)))
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < rows; j++) {
      context.beginPath()
      context.arc(x + ((i + 0.5) * w) / count, y + ((j + 0.5) * h) / rows, 1, 0, 7)
      context.fill()
    }
  }
}

/** The mark of a cell that holds no weight. */
export function paintKind(
  context: CanvasRenderingContext2D,
  kind: Kind,
  theme: Theme,
  x: number,
  y: number,
  w: number,
  h: number,
) {
  context.fillStyle = GROUND[theme]
  context.fillRect(x, y, w, h)
  context.strokeStyle = context.fillStyle = PATTERN_INK[theme]
  context.lineWidth = 1
  if (kind === 'padding') dots(context, x, y, w, h)
  else if (kind === 'causal') hatch(context, x, y, w, h)
  else context.strokeRect(x + w / 4, y + h / 2, w / 2, 0)
}

/** Cells smaller than this are drawn as one picture. */
const FINE = 8

export function paintMap(canvas: HTMLCanvasElement, map: AttentionMap, grid: Grid, theme: Theme) {
  const { cellWidth: w, cellHeight: h } = grid
  const columns = map.columns.length
  const context = sharpContext(canvas, columns * w, map.rows.length * h)
  const fine = w < FINE
  if (fine) {
    const picture = document.createElement('canvas')
    paintThumbnail(picture, map, theme)
    context.imageSmoothingEnabled = false
    context.drawImage(picture, 0, 0, columns * w, map.rows.length * h)
  }
  const gap = w > 12 ? 1 : 0
  context.font = `${Math.min(12, w / 3)}px ui-monospace, monospace`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  for (let row = 0; row < map.rows.length; row++) {
    for (let column = 0; column < columns; column++) {
      const [x, y] = [column * w, row * h]
      const kind = map.kind(row, column)
      if (kind !== 'weight') paintKind(context, kind, theme, x, y, w - gap, h - gap)
      else if (!fine) {
        const weight = map.weights[row * columns + column]!
        paintWeight(context, weight, theme, x, y, w - gap, h - gap)
      }
    }
  }
}

/** One weight, with its number where there is room for it. */
function paintWeight(
  context: CanvasRenderingContext2D,
  weight: number,
  theme: Theme,
  x: number,
  y: number,
  w: number,
  h: number,
) {
  context.fillStyle = weightColour(theme, weight)
  context.fillRect(x, y, w, h)
  if (Math.min(w, h * 1.4) < ROOM_FOR_NUMBERS || weight < 0.005) return
  context.fillStyle = inkOn(theme, weight)
  context.fillText(weight.toFixed(2).replace(/^0/, ''), x + w / 2, y + h / 2)
}

/** A map as a picture of a few pixels, one a cell; CSS makes it larger. */
export function paintThumbnail(canvas: HTMLCanvasElement, map: AttentionMap, theme: Theme) {
  const columns = map.columns.length
  canvas.width = Math.max(1, columns)
  canvas.height = Math.max(1, map.rows.length)
  const picture = new ImageData(canvas.width, canvas.height)
  const cells = new Uint32Array(picture.data.buffer)
  for (let row = 0; row < map.rows.length; row++) {
    for (let column = 0; column < columns; column++) {
      if (map.kind(row, column) !== 'weight') continue
      const place = row * columns + column
      cells[place] = weightPixel(theme, map.weights[place]!)
    }
  }
  canvas.getContext('2d')!.putImageData(picture, 0, 0)
}
