// Gated activation: y[t, k] = act(x[t, k]) · x[t, K + k].

override WORKGROUP: u32;
override K: u32;     // width of y, a multiple of 4
override GATE: u32;  // the activation

struct Sizes { T: u32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       x: array<vec4<f32>>;  // [T, 2K]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;  // [T, K]

override K4: u32 = K / 4u;

@compute @workgroup_size(WORKGROUP)
fn gate(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var at = id.x; at < sizes.T * K4; at += groups.x * WORKGROUP) {
        let gated = at / K4 * 2u * K4 + at % K4;
        y[at] = activate4(GATE, x[gated]) * x[gated + K4];
    }
}
