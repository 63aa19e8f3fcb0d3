// Halves the download of a model in f16: its matrices in int8, each row after its own scale.
//
//   node scripts/pack_int8.mjs FROM.safetensors TO.safetensors
//
// The numbers are those that the engine would round to when it loads FROM in its int8 storage
// (src/weights/storage.rs), so the packed model computes the same. A matrix [N, K] becomes I8
// [N, 4 + K]: a row is its scale, an f32, and K bytes. Vectors stay as they are.

import { readFileSync, writeFileSync } from 'node:fs'

const [, , from, to] = process.argv
if (!to) {
  console.error('usage: node scripts/pack_int8.mjs FROM.safetensors TO.safetensors')
  process.exit(2)
}

/** The tensors of a safetensors file, and its metadata. */
function open(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const length = Number(view.getBigUint64(0, true))
  const { __metadata__: metadata, ...header } = JSON.parse(
    new TextDecoder().decode(file.subarray(8, 8 + length)),
  )
  const tensors = Object.entries(header).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => ({
      name,
      dtype,
      shape,
      bytes: file.subarray(8 + length + begin, 8 + length + end),
    }),
  )
  return { tensors, metadata }
}

/** An IEEE half float. */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) throw new Error(`${from} holds a weight that is no finite number`)
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
}

/** The matrix in int8. */
function pack(tensor) {
  const [rows, columns] = tensor.shape
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.length)
  const packed = new DataView(new ArrayBuffer(rows * (4 + columns)))
  const row = new Float32Array(columns)
  for (let n = 0; n < rows; n++) {
    for (let k = 0; k < columns; k++) row[k] = half(view.getUint16(2 * (n * columns + k), true))
    const largest = row.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    const scale = largest > 0 ? Math.fround(largest / 127) : 1
    const at = n * (4 + columns)
    packed.setFloat32(at, scale, true)
    row.forEach((x, k) => {
      const number = Math.fround(x / scale)
      packed.setInt8(at + 4 + k, Math.sign(number) * Math.min(127, Math.round(Math.abs(number))))
    })
  }
  return {
    ...tensor,
    dtype: 'I8',
    shape: [rows, 4 + columns],
    bytes: new Uint8Array(packed.buffer),
  }
}

const { tensors, metadata } = open(readFileSync(from))
const packed = tensors.map((tensor) =>
  tensor.dtype === 'F16' && tensor.shape.length === 2 ? pack(tensor) : tensor,
)
const header = metadata ? { __metadata__: metadata } : {}
let end = 0
for (const { name, dtype, shape, bytes } of packed) {
  header[name] = { dtype, shape, data_offsets: [end, (end += bytes.length)] }
}
const text = new TextEncoder().encode(JSON.stringify(header))
const length = new DataView(new ArrayBuffer(8))
length.setBigUint64(0, BigInt(text.length), true)
writeFileSync(
  to,
  Buffer.concat(
    [length, text, ...packed.map(({ bytes }) => bytes)].map((part) =>
      part instanceof DataView ? new Uint8Array(part.buffer) : part,
    ),
  ),
)
