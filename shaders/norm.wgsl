// Layer norm: y = (x − mean) / √(variance + ε) · gain + bias, over each row. RMS norm knows no mean
// and no bias.

override WORKGROUP: u32;
override LANES: u32;  // invocations that share a row
override K: u32;      // width of x, a multiple of 4
override RMS: bool = false;
override BIAS: bool = true;

struct Sizes { T: u32, epsilon: f32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       x: array<vec4<f32>>;          // [T, K]
@group(0) @binding(2) var<storage, read>       gain_bias: array<vec4<f32>>;  // [2 or 1, K]
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;          // [T, K]

override K4: u32 = K / 4u;
override GROUPS: u32 = WORKGROUP / LANES;

@compute @workgroup_size(WORKGROUP)
fn norm(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = local % LANES;
    for (var first = group.x * GROUPS; first < sizes.T; first += groups.x * GROUPS) {
        let t = first + local / LANES;
        let row = min(t, sizes.T - 1u) * K4;
        var mean = 0.0;
        if (!RMS) {
            var total = 0.0;
            for (var at = lane; at < K4; at += LANES) {
                let value = x[row + at];
                total += value.x + value.y + value.z + value.w;
            }
            mean = sum_lanes(total, local) / f32(K);
        }
        var squares = 0.0;
        for (var at = lane; at < K4; at += LANES) {
            let value = x[row + at] - mean;
            squares += dot(value, value);
        }
        let deviation = inverseSqrt(sum_lanes(squares, local) / f32(K) + sizes.epsilon);
        if (t < sizes.T) {
            for (var at = lane; at < K4; at += LANES) {
                let value = (x[row + at] - mean) * deviation * gain_bias[at];
                if (BIAS) { y[row + at] = value + gain_bias[K4 + at]; } else { y[row + at] = value; }
            }
        }
    }
}
