// Matrix-vector product for decoding: y[n] = act(Σ_k p(x)[k] w[n, k] + bias[n]) + residual[n], where
// p is what stands before it: nothing, a norm, or a gated activation.
// LANES invocations share a row of w; each holds 64 values of x while rows go by.

override WORKGROUP: u32;
override LANES: u32;             // invocations that share a row
override TURN: u32;              // rows that one group of lanes takes before it stores
override K: u32;                 // width of x, a multiple of 4
override PROLOGUE: u32 = 0u;     // 0 none, 1 layer norm, 2 RMS norm, 3 gate; stored as `prepared`
override GATE: u32 = 0u;         // the activation of the gate

struct Sizes { N: u32, epsilon: f32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       x: array<vec4<f32>>;          // [T, K], before a gate [T, 2K]
@group(0) @binding(2) var<storage, read>       gain_bias: array<vec4<f32>>;  // [2 or 1, K]
@group(0) @binding(3) var<storage, read>       weight: array<vec4<u32>>;     // [N, K] packed
@group(0) @binding(4) var<storage, read>       rows: array<u32>;             // [N, scale, bias, blocks]
@group(0) @binding(5) var<storage, read>       residual: array<f32>;         // [T, N]
@group(0) @binding(6) var<storage, read_write> y: array<f32>;                // [T, N]
@group(0) @binding(7) var<storage, read_write> prepared: array<vec4<f32>>;   // [T, K]
@group(0) @binding(8) var<storage, read_write> before: array<f32>;           // [T, N]

override K4: u32 = K / 4u;
override ALIKE: u32 = 1u + BLOCKED;                     // blocks of 16 that a lane takes together
override RUNS: u32 = (BLOCKS + LANES * ALIKE - 1u) / (LANES * ALIKE) * ALIKE;  // such blocks a lane
override GROUPS: u32 = WORKGROUP / LANES;
override EXACT: bool = RUNS * LANES * 16u == K && (RUNS < 4u || RUNS % 4u == 0u);  // no edge

const LAYER_NORM = 1u;
const RMS_NORM = 2u;
const GATED = 3u;

struct Moments { mean: f32, deviation: f32 }

// Mean and 1/√(variance + ε) of a row of x, in one pass over values shifted by the first of them.
fn moments(token: u32, lane: u32, local: u32) -> Moments {
    if (PROLOGUE != LAYER_NORM && PROLOGUE != RMS_NORM) { return Moments(0.0, 1.0); }
    var shift = 0.0;
    if (PROLOGUE == LAYER_NORM) { shift = x[token * K4].x; }
    var total = 0.0;
    var squares = 0.0;
    for (var at = lane; at < K4; at += LANES) {
        let value = x[token * K4 + at] - shift;
        total += value.x + value.y + value.z + value.w;
        squares += dot(value, value);
    }
    var mean = 0.0;
    if (PROLOGUE == LAYER_NORM) { mean = sum_lanes(total, local) / f32(K); }
    let variance = sum_lanes(squares, local) / f32(K) - mean * mean;
    return Moments(mean + shift, inverseSqrt(max(variance, 0.0) + sizes.epsilon));
}

// Four values of x after the prologue; zeros beyond K.
fn load(token: u32, at: u32, m: Moments) -> vec4<f32> {
    if (!EXACT && at >= K4) { return vec4(0.0); }
    if (PROLOGUE == GATED) {
        return activate4(GATE, x[token * 2u * K4 + at]) * x[token * 2u * K4 + K4 + at];
    }
    let value = x[token * K4 + at];
    if (PROLOGUE == LAYER_NORM) {
        return (value - m.mean) * m.deviation * gain_bias[at] + gain_bias[K4 + at];
    }
    if (PROLOGUE == RMS_NORM) { return value * m.deviation * gain_bias[at]; }
    return value;
}

@compute @workgroup_size(WORKGROUP)
fn linear_vector(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = local % LANES;
    let token = group.y;
    let m = moments(token, lane, local);
    if (PROLOGUE != 0u && group.x == 0u && local < LANES) {
        for (var at = lane; at < K4; at += LANES) {
            prepared[token * K4 + at] = load(token, at, m);
        }
    }
    for (var run = 0u; run < RUNS; run += 4u) {
        // The four 16-column blocks of this lane, and the same as columns of four.
        let b0 = run * LANES + lane * ALIKE;
        let b1 = b0 + select(LANES, 1u, BLOCKED == 1u);
        let b2 = b0 + 2u * LANES;
        let b3 = b1 + 2u * LANES;
        var a00 = vec4(0.0); var a01 = vec4(0.0); var a02 = vec4(0.0); var a03 = vec4(0.0);
        var a10 = vec4(0.0); var a11 = vec4(0.0); var a12 = vec4(0.0); var a13 = vec4(0.0);
        var a20 = vec4(0.0); var a21 = vec4(0.0); var a22 = vec4(0.0); var a23 = vec4(0.0);
        var a30 = vec4(0.0); var a31 = vec4(0.0); var a32 = vec4(0.0); var a33 = vec4(0.0);
        a00 = load(token, b0 * 4u, m);
        a01 = load(token, b0 * 4u + 1u, m);
        a02 = load(token, b0 * 4u + 2u, m);
        a03 = load(token, b0 * 4u + 3u, m);
        if (RUNS > 1u) {
            a10 = load(token, b1 * 4u, m);
            a11 = load(token, b1 * 4u + 1u, m);
            a12 = load(token, b1 * 4u + 2u, m);
            a13 = load(token, b1 * 4u + 3u, m);
        }
        if (RUNS > 2u) {
            a20 = load(token, b2 * 4u, m);
            a21 = load(token, b2 * 4u + 1u, m);
            a22 = load(token, b2 * 4u + 2u, m);
            a23 = load(token, b2 * 4u + 3u, m);
        }
        if (RUNS > 3u) {
            a30 = load(token, b3 * 4u, m);
            a31 = load(token, b3 * 4u + 1u, m);
            a32 = load(token, b3 * 4u + 2u, m);
            a33 = load(token, b3 * 4u + 3u, m);
        }
        let a0 = a00 + a01 + a02 + a03; let a1 = a10 + a11 + a12 + a13;
        let a2 = a20 + a21 + a22 + a23; let a3 = a30 + a31 + a32 + a33;
        // The offset of the weights, and what the least value of a block is multiplied with.
        let offset01 = vec2(bias_of(a0, false) + bias_of(a1, true), dot(a0 + a1, vec4(1.0)));
        let offset23 = vec2(bias_of(a2, false) + bias_of(a3, true), dot(a2 + a3, vec4(1.0)));
        let x00 = placed(a00, false); let x01 = placed(a01, false); let x02 = placed(a02, false); let x03 = placed(a03, false);
        let x10 = placed(a10, true); let x11 = placed(a11, true); let x12 = placed(a12, true); let x13 = placed(a13, true);
        let x20 = placed(a20, false); let x21 = placed(a21, false); let x22 = placed(a22, false); let x23 = placed(a23, false);
        let x30 = placed(a30, true); let x31 = placed(a31, true); let x32 = placed(a32, true); let x33 = placed(a33, true);

        for (var first = group.x * GROUPS * TURN; first < sizes.N; first += groups.x * GROUPS * TURN) {
            let start = first + local / LANES * TURN;
            var mine = 0.0;
            for (var turn = 0u; turn < TURN; turn++) {
                let row = min(start + turn, sizes.N - 1u);
                var partial = 0.0;
                if (BLOCKED == 1u) {
                    partial = dot32(row, b0, offset01, x00, x01, x02, x03, x10, x11, x12, x13);
                    if (RUNS > 2u) {
                        partial += dot32(row, b2, offset23, x20, x21, x22, x23, x30, x31, x32, x33);
                    }
                } else {
                    partial = offset01.x + offset23.x + dot16(row, b0, x00, x01, x02, x03);
                    if (RUNS > 1u) { partial += dot16(row, b1, x10, x11, x12, x13); }
                    if (RUNS > 2u) { partial += dot16(row, b2, x20, x21, x22, x23); }
                    if (RUNS > 3u) { partial += dot16(row, b3, x30, x31, x32, x33); }
                }
                let total = sum_lanes(partial, local);
                mine = select(mine, total, lane == turn);
            }
            let n = start + lane;
            if (lane < TURN && n < sizes.N) { store(token * sizes.N + n, n, mine, run); }
        }
    }
}

// Adds a run's share of a sum; the last run finishes it.
fn store(at: u32, n: u32, share: f32, run: u32) {
    var total = share;
    if (RUNS > 4u && run > 0u) { total += y[at]; }
    if (run + 4u < RUNS) {
        y[at] = total;
        return;
    }
    finish(at, n, total);
}
