// The peer for GGUF files: wllama, which is llama.cpp in WebAssembly, on threads of the CPU.

import { LoggerWithoutDebug, Wllama } from '/wllama/esm/index.js'

/**
 * A model of the file at `url`, which measures itself. On WebGPU it wants shader-f16, so on an adapter
 * without that it is given the CPU, as it would take by itself.
 */
export async function loadWllama(url, threads) {
  const adapter = await navigator.gpu?.requestAdapter()
  const onGpu = adapter?.features.has('shader-f16') ?? false
  const file = await (await fetch(url)).blob()
  const wllama = new Wllama(
    { default: '/wllama/esm/wasm/wllama.wasm' },
    { suppressNativeLog: true, logger: LoggerWithoutDebug })
  const begun = performance.now()
  await wllama.loadModel([file], { n_ctx: 1024, n_threads: threads, ...(onGpu ? {} : { n_gpu_layers: 0 }) })
  return {
    facts: {
      loadMilliseconds: performance.now() - begun,
      on: onGpu ? adapter.info.description : `CPU, ${wllama.getNumThreads()} threads`,
    },
    dispose: () => wllama.exit(),
    /** Tokens a second of reading `text` and of writing `steps` tokens after it. */
    async measure({ text, ids }, steps) {
      const { usage, timings } = await wllama.createCompletion({
        prompt: text, max_tokens: steps, temperature: 0, ignore_eos: true, cache_prompt: false,
      })
      if (usage.prompt_tokens !== ids.length) throw new Error(`wllama read ${usage.prompt_tokens} tokens`)
      if (usage.completion_tokens !== steps) throw new Error(`wllama wrote ${usage.completion_tokens} tokens`)
      return { prefill: timings.prompt_per_second, decode: timings.predicted_per_second }
    },
  }
}
