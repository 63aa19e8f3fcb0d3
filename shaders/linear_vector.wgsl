// Matrix-vector product for decoding: y[n] = act(Σ_k p(x)[k] w[n, k] + bias[n]) + residual[n], where
// p is what stands before it: nothing, a norm, or a gated activation.
// LANES invocations share a row of w; each holds two blocks of 32 values of x while rows go by: side by
// side if blocks have scales, which come in twos, else LANES apart, for whole cache lines.

override WORKGROUP: u32;
override LANES: u32;             // invocations that share a row
override TURN: u32;              // rows that one group of lanes takes before it stores
override K: u32;                 // width of x, a multiple of 4
override PROLOGUE: u32 = 0u;     // 0 none, 1 layer norm, 2 RMS norm, 3 gate; stored as `prepared`
override GATE: u32 = 0u;         // the activation of the gate

struct Sizes { T: u32, N: u32, epsilon: f32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       x: array<vec4<f32>>;          // [T, K], before a gate [T, 2K]
@group(0) @binding(2) var<storage, read>       gain_bias: array<vec4<f32>>;  // [2 or 1, K]
@group(0) @binding(3) var<storage, read>       weight: array<array<vec4<u32>, 2>>;  // [N, K] packed
@group(0) @binding(4) var<storage, read>       rows: array<vec2<u32>>;       // [N, scale bias, blocks]
@group(0) @binding(5) var<storage, read>       residual: array<f32>;         // [T, N]
@group(0) @binding(6) var<storage, read_write> y: array<f32>;                // [1 or 2, T, N]
@group(0) @binding(7) var<storage, read_write> prepared: array<vec4<f32>>;   // [T, K]

override K4: u32 = K / 4u;
override SIDE: u32 = 1u + u32(BLOCKED);                        // blocks of a lane side by side
override SPAN: u32 = LANES * SIDE * 32u;                       // columns that the lanes take abreast
override RUNS: u32 = (COLUMNS + SPAN - 1u) / SPAN * SIDE;      // blocks of a lane
override GROUPS: u32 = WORKGROUP / LANES;
override EXACT: bool = RUNS * LANES * 32u == K && (RUNS == 1u || RUNS % 2u == 0u);  // no edge
// Of the last run one lane alone would have columns: each lane takes them, for a row of its own.
override ALONE: bool = BLOCKED && TURN == LANES && LANES > 1u && COLUMNS / 64u % LANES == 1u;

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
    for (var run = 0u; run < RUNS; run += 2u) {
        let alone = ALONE && run + 2u >= RUNS;
        let turns = select(TURN, 1u, alone);
        let own_row = select(0u, lane, alone);
        // This lane's two blocks.
        let block = run * LANES + select(lane, 0u, alone) * SIDE;
        let next = block + select(LANES, 1u, BLOCKED);
        let two = block / 2u;
        for (var j = 0u; j < select(8u, 16u, RUNS > 1u); j++) {
            taken[j] = load(token, select(block, next, j >= 8u) * 8u + j % 8u, m);
        }
        let a0 = taken_columns(0u);
        let a1 = taken_columns(8u);
        let offset0 = offset_of(a0);
        let offset1 = offset_of(a1);
        let x0 = place_columns(a0);
        let x1 = place_columns(a1);

        for (var first = group.x * GROUPS * TURN; first < sizes.N; first += groups.x * GROUPS * TURN) {
            let start = first + local / LANES * TURN;
            var mine = 0.0;
            for (var turn = 0u; turn < turns; turn++) {
                var row = start + turn;
                if (ALONE) { row += own_row; }
                row = min(row, sizes.N - 1u);
                var sum0 = offset0.x;
                var sum1 = offset1.x;
                if (STORAGE == 4u) {
                    let pair = &weight[row * PAIRS + two];
                    let v = (*pair)[0];
                    let w = (*pair)[1];
                    sum0 += dot_words(v, v, x0);
                    sum1 += dot_words(w, w, x1);
                } else if (STORAGE >= 2u) {
                    let pair0 = &weight[row * PAIRS + block];
                    sum0 += dot_words((*pair0)[0], (*pair0)[1], x0);
                    if (RUNS > 1u) {
                        let pair1 = &weight[row * PAIRS + next];
                        sum1 += dot_words((*pair1)[0], (*pair1)[1], x1);
                    }
                } else {
                    sum0 += dot_floats(row, block, x0);
                    if (RUNS > 1u) { sum1 += dot_floats(row, next, x1); }
                }
                var partial = sum0 + sum1;
                if (BLOCKED) {
                    let own = block_scales(row, two);
                    let own0 = scale_least(own.x);
                    let own1 = scale_least(own.y);
                    partial = sum0 * own0.x + offset0.y * own0.y + sum1 * own1.x + offset1.y * own1.y;
                }
                let total = sum_lanes(partial, local);
                mine = select(mine, total, lane == turn);
                if (ALONE) { mine = select(mine, partial, alone); }
            }
            let n = start + lane;
            if (lane < TURN && n < sizes.N) { store(token * sizes.N + n, n, mine, run); }
        }
    }
}

// Adds a run's share of a sum; the last run finishes it.
fn store(at: u32, n: u32, share: f32, run: u32) {
    var total = share;
    if (RUNS > 2u && run > 0u) { total += y[at]; }
    if (run + 2u < RUNS) {
        y[at] = total;
        return;
    }
    finish(at, n, total);
}
