// The WebAssembly engine: fetched and compiled, opened on a device, given a file to load.

import init, { Engine as WasmEngine, FileHead } from '../engine/glassformer.js'
import { GlassformerError } from './errors.js'
import type { Engine, Loading, Model } from './raw.js'
import type { Adapter } from './types.js'
import type { Weights } from './weights.js'

/** Compiles the WebAssembly module; it is fetched once however often this is called. */
export async function compileEngine(wasmUrl: string): Promise<void> {
  try {
    await init({ module_or_path: wasmUrl })
  } catch (cause) {
    const failed = `The engine could not be loaded from ${wasmUrl}: ${String(cause)}.`
    const message = `${failed} Give its address in \`wasmUrl\`.`
    throw new GlassformerError('download', message, { cause })
  }
}

/**
 * The engine on the device asked for; `auto` takes the CPU where there is no WebGPU, and says why.
 */
export async function openEngine(
  device: 'auto' | 'gpu' | 'cpu',
): Promise<{ engine: Engine; adapter: Adapter }> {
  const create = async (name: string, fallbackReason: string | null) => {
    // wasm-bindgen writes its objects down as any; raw.ts says what they are.
    const engine = (await WasmEngine.create(name)) as Engine
    return { engine, adapter: { ...engine.adapter, fallbackReason } }
  }
  if (device !== 'auto') return create(device, null)
  try {
    return await create('gpu', null)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'no-webgpu') throw error
    return create('cpu', (error as Error).message)
  }
}

/** Lets a file flow to the model that `begin` makes of its head. */
export async function flow(weights: Weights, begin: (head: FileHead) => Loading): Promise<Model> {
  const head = new FileHead(weights.total)
  let loading: Loading | null = null
  try {
    for await (const chunk of weights.chunks()) {
      if (loading) loading.feed(chunk)
      else if (head.push(chunk)) loading = begin(head)
    }
    const complete = loading ?? begin(head)
    // It can't be freed after this, however it ends.
    loading = null
    return complete.finish()
  } catch (error) {
    loading?.free()
    throw error
  }
}
