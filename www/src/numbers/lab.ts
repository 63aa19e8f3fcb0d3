// Colours between two colours, in CIE Lab, where equal steps look equal.

type Triple = [number, number, number]

/** White of D50, to which Lab is relative; the matrices are those of sRGB adapted to it. */
const WHITE: Triple = [0.96422, 1, 0.82521]
const TO_XYZ: Triple[] = [
  [0.4360747, 0.3850649, 0.1430804],
  [0.2225045, 0.7168786, 0.0606169],
  [0.0139322, 0.0971045, 0.7141733],
]
const FROM_XYZ: Triple[] = [
  [3.1338561, -1.6168667, -0.4906146],
  [-0.9787684, 1.9161415, 0.033454],
  [0.0719453, -0.2289914, 1.4052427],
]
/** Below this share of white the cube root gives way to a line. */
const KNEE = 6 / 29

const times = (matrix: Triple[], [x, y, z]: Triple) =>
  matrix.map(([a, b, c]) => a * x + b * y + c * z) as Triple

function toLab(hex: string): Triple {
  const linear = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as Triple
  const [x, y, z] = times(TO_XYZ, linear).map((part, axis) => {
    const share = part / WHITE[axis]!
    return share > KNEE ** 3 ? Math.cbrt(share) : share / (3 * KNEE ** 2) + 4 / 29
  }) as Triple
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

/** Red, green and blue, 0 to 255. */
function fromLab([l, a, b]: Triple): Triple {
  const y = (l + 16) / 116
  const xyz = [y + a / 500, y, y - b / 200].map(
    (root, axis) => WHITE[axis]! * (root > KNEE ? root ** 3 : 3 * KNEE ** 2 * (root - 4 / 29)),
  ) as Triple
  return times(FROM_XYZ, xyz).map((part) => {
    const shown = part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055
    return Math.round(255 * Math.min(1, Math.max(0, shown)))
  }) as Triple
}

/** `steps` colours from the first anchor to the last, evenly between their neighbours. */
export function blend(anchors: readonly string[], steps: number): Triple[] {
  const points = anchors.map(toLab)
  return Array.from({ length: steps }, (_, step) => {
    const place = (step / (steps - 1)) * (points.length - 1)
    const from = Math.min(points.length - 2, Math.floor(place))
    const share = place - from
    const [start, end] = [points[from]!, points[from + 1]!]
    return fromLab(start.map((part, axis) => part + share * (end[axis]! - part)) as Triple)
  })
}
