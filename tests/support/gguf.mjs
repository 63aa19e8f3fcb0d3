// A small Llama as a GGUF: random weights, and a tokenizer of bytes. It writes nonsense, but always the same.

const LAYERS = 2
const WIDTH = 64
const INNER = 128
const TOKENS = ['<unk>', '<s>', '</s>', '▁', ...Array.from({ length: 256 }, (_, byte) => hex(byte))]
/** What GGUF calls a token that is unknown, control, normal, a byte. */
const KINDS = [2, 3, 3, 1, ...Array(256).fill(6)]
const ALIGNMENT = 32

/** The bytes of the file, about 0.4 MB. */
export function smallLlama() {
  const fields = [
    ['general.architecture', text('llama')],
    ['llama.block_count', whole(LAYERS)],
    ['llama.context_length', whole(256)],
    ['llama.embedding_length', whole(WIDTH)],
    ['llama.feed_forward_length', whole(INNER)],
    ['llama.attention.head_count', whole(4)],
    ['llama.attention.head_count_kv', whole(2)],
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.tokens', list(8, TOKENS.map(string))],
    [
      'tokenizer.ggml.scores',
      list(
        6,
        TOKENS.map(() => number('Float', 0)),
      ),
    ],
    [
      'tokenizer.ggml.token_type',
      list(
        5,
        KINDS.map((kind) => number('Int32', kind)),
      ),
    ],
    ['tokenizer.ggml.bos_token_id', whole(1)],
    ['tokenizer.ggml.eos_token_id', whole(2)],
  ]
  let seed = 1
  const weight = () => ((seed = (seed * 48271) % 0x7fffffff) / 0x7fffffff - 0.5) * 0.5
  let offset = 0
  const heads = []
  const data = []
  for (const [name, ...sizes] of tensors()) {
    const count = sizes.reduce((a, b) => a * b)
    const isNorm = sizes.length === 1
    const values = Float32Array.from({ length: count }, () => (isNorm ? 1 : weight()))
    // Sizes go from the inside out, and 0 is f32.
    const shape = [number('UInt32', sizes.length), ...sizes.toReversed().map(long)]
    heads.push(string(`${name}.weight`), ...shape, number('UInt32', 0), long(offset))
    data.push(Buffer.from(values.buffer))
    offset += values.byteLength
  }
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    number('UInt32', 3),
    long(data.length),
    long(fields.length),
    ...fields.flatMap(([key, value]) => [string(key), value]),
    ...heads,
  ])
  const padding = Buffer.alloc((ALIGNMENT - (head.length % ALIGNMENT)) % ALIGNMENT)
  return Buffer.concat([head, padding, ...data])
}

/** Names and sizes; all are multiples of the alignment. */
function tensors() {
  const layer = (index) =>
    [
      ['attn_norm', WIDTH],
      ['attn_q', WIDTH, WIDTH],
      ['attn_k', WIDTH / 2, WIDTH],
      ['attn_v', WIDTH / 2, WIDTH],
      ['attn_output', WIDTH, WIDTH],
      ['ffn_norm', WIDTH],
      ['ffn_gate', INNER, WIDTH],
      ['ffn_up', INNER, WIDTH],
      ['ffn_down', WIDTH, INNER],
    ].map(([name, ...sizes]) => [`blk.${index}.${name}`, ...sizes])
  const layers = Array.from({ length: LAYERS }, (_, index) => layer(index)).flat()
  return [['token_embd', TOKENS.length, WIDTH], ...layers, ['output_norm', WIDTH]]
}

function hex(byte) {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
}

/** One number of a kind that Node's buffers write. */
function number(kind, value) {
  const bytes = Buffer.alloc(4)
  bytes[`write${kind}LE`](value)
  return bytes
}

function long(value) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function string(value) {
  const bytes = Buffer.from(value)
  return Buffer.concat([long(bytes.length), bytes])
}

/** Values of fields, each behind the number of its type. */
function text(value) {
  return Buffer.concat([number('UInt32', 8), string(value)])
}

function whole(value) {
  return Buffer.concat([number('UInt32', 4), number('UInt32', value)])
}

function list(type, values) {
  return Buffer.concat([
    number('UInt32', 9),
    number('UInt32', type),
    long(values.length),
    ...values,
  ])
}
