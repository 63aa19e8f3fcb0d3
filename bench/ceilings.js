// What the adapter itself can do: multiply-adds in registers, a streaming read, an empty dispatch.

const FMA = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let start = vec4<f32>(f32(id.x));
    var a = start; var b = start + 1.0; var c = start + 2.0; var d = start + 3.0;
    for (var i = 0u; i < 256u; i++) {
        a = a * 0.5 + 1.0; b = b * 0.5 + 1.0; c = c * 0.5 + 1.0; d = d * 0.5 + 1.0;
        a = a * 0.5 + 1.0; b = b * 0.5 + 1.0; c = c * 0.5 + 1.0; d = d * 0.5 + 1.0;
        a = a * 0.5 + 1.0; b = b * 0.5 + 1.0; c = c * 0.5 + 1.0; d = d * 0.5 + 1.0;
        a = a * 0.5 + 1.0; b = b * 0.5 + 1.0; c = c * 0.5 + 1.0; d = d * 0.5 + 1.0;
    }
    y[id.x] = a + b + c + d;
}`
const FMA_INVOCATIONS = 4096
// 16 statements of 4 values, 2 operations each.
const FMA_OPERATIONS = FMA_INVOCATIONS * 256 * 16 * 4 * 2

const STREAM = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    var total = vec4<f32>(0.0);
    for (var i = id.x; i < arrayLength(&x); i += groups.x * 64u) { total += x[i]; }
    y[id.x] = total;
}`
const STREAM_BYTES = 32 << 20

const EMPTY = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) { y[id.x] = vec4<f32>(1.0); }`

/** The adapter that the engine would be given, and its ceilings: GFLOP/s, GB/s, µs a dispatch. */
export async function measureCeilings() {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' })
  const device = await adapter.requestDevice()
  const storage = (size) =>
    device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST })
  const output = storage(1 << 20)
  const input = storage(STREAM_BYTES)
  const time = async (code, buffers, workgroups, repeats) => {
    const pipeline = await device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code }) },
    })
    const bindings = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    })
    const run = async (times) => {
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, bindings)
      for (let i = 0; i < times; i++) pass.dispatchWorkgroups(workgroups)
      pass.end()
      const begun = performance.now()
      device.queue.submit([encoder.finish()])
      await device.queue.onSubmittedWorkDone()
      return performance.now() - begun
    }
    await run(1)
    // A difference of two runs is free of what a submission costs.
    const slopes = []
    for (let i = 0; i < 5; i++) slopes.push(((await run(3 * repeats)) - (await run(repeats))) / 2 / repeats)
    return slopes.sort((a, b) => a - b)[2]
  }
  const fma = await time(FMA, [output], FMA_INVOCATIONS / 64, 4)
  const stream = await time(STREAM, [output, input], 64, 4)
  const empty = await time(EMPTY, [output], 4, 200)
  device.destroy()
  return {
    adapter: `${adapter.info.vendor} ${adapter.info.architecture}`.trim(),
    gigaflops: FMA_OPERATIONS / fma / 1e6,
    gigabytes: STREAM_BYTES / stream / 1e6,
    dispatchMicroseconds: empty * 1000,
  }
}
