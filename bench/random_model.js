// Models with random weights, as the files that a checkpoint has.

/** MarianMT in the shape that peers were measured with: 9.6 M parameters. */
export const SHAPE = { width: 256, layers: 4, heads: 8, inner: 1024, vocabulary: 8000 }

/** GPT-2 124M. */
export const GPT2 = { layers: 12, heads: 12, width: 768, vocabulary: 50257, positions: 1024 }

/** config.json, generation_config.json and model.safetensors of the shape. */
export function randomModel({ width, layers, heads, inner, vocabulary }) {
  const pad = vocabulary - 1
  const config = {
    model_type: 'marian', d_model: width, vocab_size: vocabulary, max_position_embeddings: 512,
    encoder_layers: layers, encoder_attention_heads: heads, encoder_ffn_dim: inner,
    decoder_layers: layers, decoder_attention_heads: heads, decoder_ffn_dim: inner,
    activation_function: 'relu', scale_embedding: true, is_encoder_decoder: true,
    pad_token_id: pad, eos_token_id: 0, decoder_start_token_id: pad,
  }
  const generation = { max_length: 512, pad_token_id: pad, eos_token_id: 0, decoder_start_token_id: pad }
  const shapes = { 'model.shared.weight': [vocabulary, width] }
  for (const stack of ['encoder', 'decoder']) {
    for (let layer = 0; layer < layers; layer++) {
      const at = `model.${stack}.layers.${layer}`
      const linear = (name, rows, columns) => {
        shapes[`${at}.${name}.weight`] = [rows, columns]
        shapes[`${at}.${name}.bias`] = [rows]
      }
      const norm = (name) => {
        shapes[`${at}.${name}.weight`] = [width]
        shapes[`${at}.${name}.bias`] = [width]
      }
      for (const block of stack === 'encoder' ? ['self_attn'] : ['self_attn', 'encoder_attn']) {
        for (const part of ['q', 'k', 'v', 'out']) linear(`${block}.${part}_proj`, width, width)
        norm(`${block}_layer_norm`)
      }
      linear('fc1', inner, width)
      linear('fc2', width, inner)
      norm('final_layer_norm')
    }
  }
  return {
    config: JSON.stringify(config),
    generation: JSON.stringify(generation),
    weights: safetensors(shapes),
  }
}

/** The same of GPT-2, whose matrices lie with a row for each input. */
export function randomGpt2({ layers, heads, width, vocabulary, positions }) {
  const config = {
    model_type: 'gpt2', n_layer: layers, n_head: heads, n_embd: width, vocab_size: vocabulary,
    n_positions: positions, activation_function: 'gelu_new', layer_norm_epsilon: 1e-5,
    bos_token_id: vocabulary - 1, eos_token_id: vocabulary - 1,
  }
  const shapes = { 'wte.weight': [vocabulary, width], 'wpe.weight': [positions, width] }
  const linear = (name, rows, columns) => {
    shapes[`${name}.weight`] = [rows, columns]
    shapes[`${name}.bias`] = [columns]
  }
  const norm = (name) => {
    shapes[`${name}.weight`] = [width]
    shapes[`${name}.bias`] = [width]
  }
  for (let layer = 0; layer < layers; layer++) {
    const at = `h.${layer}`
    norm(`${at}.ln_1`)
    linear(`${at}.attn.c_attn`, width, 3 * width)
    linear(`${at}.attn.c_proj`, width, width)
    norm(`${at}.ln_2`)
    linear(`${at}.mlp.c_fc`, width, 4 * width)
    linear(`${at}.mlp.c_proj`, 4 * width, width)
  }
  norm('ln_f')
  return {
    config: JSON.stringify(config),
    generation: JSON.stringify({ eos_token_id: vocabulary - 1 }),
    weights: safetensors(shapes),
  }
}

function safetensors(shapes) {
  const header = {}
  let end = 0
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((a, b) => a * b)
    header[name] = { dtype: 'F32', shape, data_offsets: [end, (end += bytes)] }
  }
  let text = JSON.stringify(header)
  text = text.padEnd(Math.ceil(text.length / 8) * 8)
  const file = new Uint8Array(8 + text.length + end)
  new DataView(file.buffer).setUint32(0, text.length, true)
  file.set(new TextEncoder().encode(text), 8)
  const values = new Float32Array(file.buffer, 8 + text.length)
  const draw = generator(1)
  let at = 0
  for (const [name, shape] of Object.entries(shapes)) {
    const size = shape.reduce((a, b) => a * b)
    const isGain = /(layer_norm|ln_\w+)\.weight$/.test(name)
    // The token that ends a sentence must not win, so that decoding runs for as long as asked.
    for (let i = 0; i < size; i++) values[at + i] = isGain ? 1 : 0.1 * draw()
    if (name === 'model.shared.weight') values.fill(0, at, at + shape[1])
    at += size
  }
  return file
}

/** Uniform in [-1, 1], the same on every machine (xorshift32). */
function generator(seed) {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 31 - 1
  }
}
