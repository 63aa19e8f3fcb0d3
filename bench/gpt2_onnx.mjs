// GPT-2 with random weights as ONNX files, in the layout that transformers.js reads from a hub.

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const FLOAT = 1, INT8 = 3, INT64 = 7

/** Writes the configs, and onnx/model.onnx (f32) and onnx/model_quantized.onnx (int8) into `folder`. */
export function writeGpt2(folder, { layers, heads, width, vocabulary, positions }) {
  mkdirSync(join(folder, 'onnx'), { recursive: true })
  const config = {
    architectures: ['GPT2LMHeadModel'], model_type: 'gpt2', n_layer: layers, n_head: heads,
    n_embd: width, vocab_size: vocabulary, n_positions: positions, eos_token_id: vocabulary - 1,
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: vocabulary - 1 }))
  for (const [name, isQuantised] of [['model', false], ['model_quantized', true]]) {
    const graph = record({ layers, heads, width, vocabulary, positions }, isQuantised)
    graph.write(join(folder, 'onnx', `${name}.onnx`))
  }
}

/** The forward pass, as exporters of GPT-2 record it: past keys and values in, present ones out. */
function record({ layers, heads, width, vocabulary, positions }, isQuantised) {
  const graph = new Graph()
  const { node, weight, constant } = graph
  const [zero, one] = [constant([], [0]), constant([], [1])]
  /** `x W + b`; the int8 form is the one that onnxruntime's quantize_dynamic writes. */
  const linear = (x, name, rows, columns, hasBias = true) => {
    const products = isQuantised ? integerProducts(x, name, rows, columns)
      : node('MatMul', [x, weight(`${name}.weight`, FLOAT, [rows, columns])])
    return hasBias ? node('Add', [products, weight(`${name}.bias`, FLOAT, [columns])]) : products
  }
  const integerProducts = (x, name, rows, columns) => {
    const [quantised, scale, zeroPoint] = graph.nodes('DynamicQuantizeLinear', [x], 3)
    const matrix = weight(`${name}.weight`, INT8, [rows, columns])
    const integers = node('MatMulInteger',
      [quantised, matrix, zeroPoint, weight(`${name}.zero_point`, INT8, [1], 0)])
    const step = node('Mul', [scale, weight(`${name}.scale`, FLOAT, [1], 1e-3)])
    return node('Mul', [node('Cast', [integers], { to: FLOAT }), step])
  }
  const embedding = (name, rows, ids) => {
    if (!isQuantised) return node('Gather', [weight(name, FLOAT, [rows, width]), ids])
    const scale = weight(`${name}.scale`, FLOAT, [], 1e-3)
    return node('DequantizeLinear', [node('Gather', [weight(name, INT8, [rows, width]), ids]), scale])
  }
  const norm = (x, name) => node('LayerNormalization', [
    x, weight(`${name}.weight`, FLOAT, [width], 1), weight(`${name}.bias`, FLOAT, [width], 0),
  ], { axis: -1, epsilon: 1e-5 })

  graph.input('input_ids', INT64, ['B', 'T'])
  graph.input('attention_mask', INT64, ['B', 'S'])
  graph.input('position_ids', INT64, ['B', 'T'])
  const length = node('Gather', [node('Shape', ['attention_mask']), one])
  const keys = node('Range', [zero, length, one])
  const later = node('Greater', [keys, node('Unsqueeze', ['position_ids', constant([2], [1, 2])])])
  const mask = node('Where', [later, weight('lowest', FLOAT, [], -1e9), weight('nothing', FLOAT, [], 0)])
  const size = width / heads
  const split = constant([3], [width, width, width])
  const toHeads = constant([4], [0, 0, heads, size])
  const toRows = constant([3], [0, 0, width])
  const scale = weight('attention.scale', FLOAT, [], 1 / Math.sqrt(size))

  let x = node('Add', [
    embedding('wte', vocabulary, 'input_ids'), embedding('wpe', positions, 'position_ids'),
  ])
  for (let layer = 0; layer < layers; layer++) {
    const at = `h.${layer}`
    const all = linear(norm(x, `${at}.ln_1`), `${at}.attn.c_attn`, width, 3 * width)
    const [query, key, value] = graph.nodes('Split', [all, split], 3, { axis: -1 }).map((part) =>
      node('Transpose', [node('Reshape', [part, toHeads])], { perm: [0, 2, 1, 3] }))
    const [allKeys, allValues] = [['key', key], ['value', value]].map(([part, fresh]) => {
      const past = graph.input(`past_key_values.${layer}.${part}`, FLOAT, ['B', heads, 'P', size])
      const present = graph.output(`present.${layer}.${part}`, FLOAT, ['B', heads, 'S', size])
      return node('Concat', [past, fresh], { axis: 2 }, present)
    })
    const turned = node('Transpose', [allKeys], { perm: [0, 1, 3, 2] })
    const scores = node('Add', [node('Mul', [node('MatMul', [query, turned]), scale]), mask])
    const context = node('MatMul', [node('Softmax', [scores], { axis: -1 }), allValues])
    const rows = node('Reshape', [node('Transpose', [context], { perm: [0, 2, 1, 3] }), toRows])
    x = node('Add', [x, linear(rows, `${at}.attn.c_proj`, width, width)])
    const inner = linear(norm(x, `${at}.ln_2`), `${at}.mlp.c_fc`, width, 4 * width)
    const active = node('FastGelu', [inner], {}, undefined, 'com.microsoft')
    x = node('Add', [x, linear(active, `${at}.mlp.c_proj`, 4 * width, width)])
  }
  const logits = graph.output('logits', FLOAT, ['B', 'T', vocabulary])
  node('Identity', [linear(norm(x, 'ln_f'), 'lm_head', width, vocabulary, false)], {}, logits)
  return graph
}

/** An ONNX graph on its way to a file: the protocol buffers are written as they are, field by field. */
class Graph {
  #parts = []
  #count = 0

  node = (type, inputs, attributes = {}, output = this.#fresh(type), domain = '') => {
    this.#record(type, inputs, [output], attributes, domain)
    return output
  }

  nodes(type, inputs, count, attributes = {}) {
    const outputs = Array.from({ length: count }, () => this.#fresh(type))
    this.#record(type, inputs, outputs, attributes, '')
    return outputs
  }

  /** A tensor of noise, or of one value. */
  weight = (name, type, shape, value) => {
    const count = shape.reduce((a, b) => a * b, 1)
    const bytes = type === FLOAT ? 4 * count : count
    if (value === undefined) return this.#tensor(name, type, shape, noise(type, bytes))
    const values = (type === FLOAT ? new Float32Array(count) : new Int8Array(count)).fill(value)
    return this.#tensor(name, type, shape, [Buffer.from(values.buffer)])
  }

  constant = (shape, values) =>
    this.#tensor(this.#fresh('constant'), INT64, shape,
      [Buffer.from(BigInt64Array.from(values, BigInt).buffer)])

  input(name, type, shape) { return this.#value(11, name, type, shape) }

  output(name, type, shape) { return this.#value(12, name, type, shape) }

  write(path) {
    const size = this.#parts.reduce((sum, part) => sum + part.length, 0)
    const opset = (domain, version) => message(8, [text(1, domain), integer(2, version)])
    const head = [integer(1, 8), opset('', 17), opset('com.microsoft', 1), varint(7 << 3 | 2), varint(size)]
    const file = openSync(path, 'w')
    for (const part of [...head, ...this.#parts]) writeSync(file, part)
    closeSync(file)
  }

  #fresh(type) {
    return `${type}_${this.#count++}`
  }

  #record(type, inputs, outputs, attributes, domain) {
    this.#parts.push(message(1, [
      ...inputs.map((name) => text(1, name)), ...outputs.map((name) => text(2, name)),
      text(3, this.#fresh(type)), text(4, type), text(7, domain),
      ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    ]))
  }

  #tensor(name, type, shape, data) {
    const bytes = data.reduce((sum, part) => sum + part.length, 0)
    const head = Buffer.concat([
      ...shape.map((size) => integer(1, size)), integer(2, type), text(8, name),
      varint(9 << 3 | 2), varint(bytes),
    ])
    this.#parts.push(varint(5 << 3 | 2), varint(head.length + bytes), head, ...data)
    return name
  }

  #value(field, name, type, shape) {
    const sizes = shape.map((size) =>
      message(1, [typeof size === 'string' ? text(2, size) : integer(1, size)]))
    const tensor = message(1, [integer(1, type), message(2, sizes)])
    this.#parts.push(message(field, [text(1, name), message(2, [tensor])]))
    return name
  }
}

const NOISE = 1 << 22
const noises = new Map()

/** `bytes` of noise, as pieces of one block: what the numbers are is no matter for speed. */
function noise(type, bytes) {
  if (!noises.has(type)) {
    const values = type === FLOAT ? new Float32Array(NOISE / 4) : new Int8Array(NOISE)
    let state = 1
    for (let i = 0; i < values.length; i++) {
      state = Math.imul(state, 1664525) + 1013904223
      values[i] = type === FLOAT ? state / 2 ** 36 : state >> 24
    }
    noises.set(type, Buffer.from(values.buffer))
  }
  const block = noises.get(type)
  return Array.from({ length: Math.ceil(bytes / NOISE) },
    (_, i) => block.subarray(0, Math.min(NOISE, bytes - i * NOISE)))
}

function varint(value) {
  const bytes = []
  // Negative numbers are 64 bits of two's complement.
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0))
    rest >>= 7n
  } while (rest)
  return Buffer.from(bytes)
}

const integer = (field, value) => Buffer.concat([varint(field << 3), varint(value)])

function message(field, parts) {
  const body = Buffer.concat(parts)
  return Buffer.concat([varint(field << 3 | 2), varint(body.length), body])
}

const text = (field, value) => message(field, [Buffer.from(value)])

/** Integers, lists of integers, and numbers with a fraction. */
function attribute(name, value) {
  if (Array.isArray(value))
    return message(5, [text(1, name), ...value.map((item) => integer(8, item)), integer(20, 7)])
  if (Number.isInteger(value)) return message(5, [text(1, name), integer(3, value), integer(20, 2)])
  const bits = Buffer.alloc(5, 2 << 3 | 5)
  bits.writeFloatLE(value, 1)
  return message(5, [text(1, name), bits, integer(20, 1)])
}
