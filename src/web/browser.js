// What the engine asks of the browser beyond wgpu: subgroups, and what the adapter says of itself.

let seen = null
let restore = () => {}

// wgpu does not know the feature `subgroups` on the web, so it is added to the engine's own request;
// afterwards the page's requestDevice is its own again.
export function watchRequestDevice() {
  const prototype = globalThis.GPUAdapter?.prototype
  if (!prototype) return
  const original = prototype.requestDevice
  prototype.requestDevice = async function (descriptor = {}) {
    const features = new Set(descriptor.requiredFeatures ?? [])
    if (this.features.has('subgroups')) features.add('subgroups')
    const device = await original.call(this, { ...descriptor, requiredFeatures: [...features] })
    seen = { info: this.info, subgroups: device.features.has('subgroups') }
    watchPipelines(device)
    return device
  }
  restore = () => { prototype.requestDevice = original }
}

export function unwatchRequestDevice() {
  restore()
  restore = () => {}
}

// wgpu makes one pipeline after the other. Between beginPipelines and finishPipelines they are made
// all at once instead, and wgpu is given a stand-in that it throws away; when it asks for a pipeline
// of the same label again, it gets the one that is ready.
let underWay = null

function watchPipelines(device) {
  const ready = new Map()
  const create = device.createComputePipeline.bind(device)
  device.createComputePipeline = (descriptor) => {
    if (!underWay) return ready.get(descriptor.label) ?? create(descriptor)
    const made = device.createComputePipelineAsync(descriptor)
    // What fails here fails again, with its message, when wgpu asks for it.
    underWay.push(made.then((pipeline) => ready.set(descriptor.label, pipeline), () => {}))
    return {}
  }
}

export function beginPipelines() {
  underWay = []
}

export async function finishPipelines() {
  const all = underWay
  underWay = null
  await Promise.all(all)
}

const info = () => seen?.info ?? {}

export const adapterVendor = () => info().vendor ?? ''
export const adapterArchitecture = () => info().architecture ?? ''
export const adapterName = () =>
  info().description || [info().vendor, info().architecture].filter(Boolean).join(' ')
export const adapterIsSoftware = () =>
  Boolean(info().isFallbackAdapter) || info().architecture === 'swiftshader'
export const adapterSubgroupSize = () => (seen?.subgroups ? info().subgroupMinSize ?? 0 : 0)

export function whyNoAdapter() {
  if (globalThis.navigator?.gpu) return 'the browser knows WebGPU, but has no adapter for it here'
  if (globalThis.isSecureContext === false) return 'WebGPU needs https or localhost'
  return 'this browser does not know WebGPU'
}

export const milliseconds = () => performance.now()

// An Error of the kind that the npm package knows by its code.
export function glassformerError(code, message) {
  const error = new Error(message)
  error.name = 'GlassformerError'
  error.code = code
  return error
}
