// The peer for GPT-2: transformers.js, on threads of the CPU (WebAssembly) or on WebGPU.

import { AutoModelForCausalLM, Tensor, env } from '/transformers/transformers.min.js'

env.allowRemoteModels = false
env.allowLocalModels = true
env.localModelPath = '/onnx/'
env.useBrowserCache = false
env.backends.onnx.wasm.wasmPaths = '/onnxruntime/'

/** Tokens a second of writing `steps` tokens by the model at /onnx/gpt2. */
export async function measureTransformers({ device, dtype, threads, steps }) {
  env.backends.onnx.wasm.numThreads = threads
  const model = await AutoModelForCausalLM.from_pretrained('gpt2', { device, dtype })
  const prompt = BigInt64Array.from({ length: 8 }, (_, i) => BigInt(100 + 37 * i))
  /** When each of `count` tokens came. */
  const write = async (count) => {
    const times = []
    await model.generate({
      inputs: new Tensor('int64', prompt, [1, prompt.length]),
      attention_mask: new Tensor('int64', prompt.map(() => 1n), [1, prompt.length]),
      min_new_tokens: count, max_new_tokens: count, do_sample: false,
      streamer: { put: () => times.push(performance.now()), end: () => {} },
    })
    // The first is that of the prompt.
    if (times.length !== count + 1) throw new Error(`transformers.js wrote ${times.length - 1} tokens`)
    return times.slice(1)
  }
  await write(2)
  const times = await write(steps + 1)
  await model.dispose()
  return { device, dtype, decode: (steps / (times.at(-1) - times[0])) * 1000 }
}
