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
    return device
  }
  restore = () => { prototype.requestDevice = original }
}

export function unwatchRequestDevice() {
  restore()
  restore = () => {}
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
