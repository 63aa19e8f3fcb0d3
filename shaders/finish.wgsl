// What a product does with its sums, by itself: y = act(x) + residual.

override WORKGROUP: u32;
override ACTIVATION: u32;
override RESIDUAL: bool = false;

struct Sizes { N: u32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       x: array<vec4<f32>>;         // [N]
@group(0) @binding(2) var<storage, read>       residual: array<vec4<f32>>;  // [N]
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;         // [N]

@compute @workgroup_size(WORKGROUP)
fn finish(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var at = id.x; at < sizes.N / 4u; at += groups.x * WORKGROUP) {
        var value = activate4(ACTIVATION, x[at]);
        if (RESIDUAL) { value += residual[at]; }
        y[at] = value;
    }
}
