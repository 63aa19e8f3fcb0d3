// Register-tiled product: y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n].
// LANES invocations share a row of w; each holds 16 values of each of 4 rows of x while rows of w
// go by, so that a weight that was read and unpacked once serves 4 rows of x.

override WORKGROUP: u32;
override LANES: u32;             // invocations that share a row of w, 4 at least
override K: u32;                 // width of x, a multiple of 4

struct Sizes { T: u32, N: u32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       x: array<vec4<f32>>;       // [T, K]
@group(0) @binding(2) var<storage, read>       weight: array<vec4<u32>>;  // [N, K] packed
@group(0) @binding(3) var<storage, read>       rows: array<u32>;          // [N, scale, bias, blocks]
@group(0) @binding(4) var<storage, read>       residual: array<f32>;      // [T, N]
@group(0) @binding(5) var<storage, read_write> y: array<f32>;             // [T, N]
@group(0) @binding(6) var<storage, read_write> before: array<f32>;        // [T, N]

override K4: u32 = K / 4u;
override RUNS: u32 = (BLOCKS + LANES - 1u) / LANES;  // 16-column blocks a lane
override GROUPS: u32 = WORKGROUP / LANES;
override EXACT: bool = RUNS * LANES * 16u == K;      // no edge

// Four values of x; zeros beyond K. Rows beyond T repeat the last one and are never stored.
fn load(token: u32, at: u32) -> vec4<f32> {
    if (!EXACT && at >= K4) { return vec4(0.0); }
    return x[min(token, sizes.T - 1u) * K4 + at];
}

@compute @workgroup_size(WORKGROUP)
fn linear_rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = local % LANES;
    let token = group.y * 4u;
    for (var run = 0u; run < RUNS; run++) {
        let block = run * LANES + lane;
        let at = block * 4u;
        let a00 = load(token, at); let a01 = load(token, at + 1u);
        let a02 = load(token, at + 2u); let a03 = load(token, at + 3u);
        let a10 = load(token + 1u, at); let a11 = load(token + 1u, at + 1u);
        let a12 = load(token + 1u, at + 2u); let a13 = load(token + 1u, at + 3u);
        let a20 = load(token + 2u, at); let a21 = load(token + 2u, at + 1u);
        let a22 = load(token + 2u, at + 2u); let a23 = load(token + 2u, at + 3u);
        let a30 = load(token + 3u, at); let a31 = load(token + 3u, at + 1u);
        let a32 = load(token + 3u, at + 2u); let a33 = load(token + 3u, at + 3u);
        let odd = block % 2u == 1u;
        let a0 = a00 + a01 + a02 + a03; let a1 = a10 + a11 + a12 + a13;
        let a2 = a20 + a21 + a22 + a23; let a3 = a30 + a31 + a32 + a33;
        let bias = vec4(bias_of(a0, odd), bias_of(a1, odd), bias_of(a2, odd), bias_of(a3, odd));
        // Sums of x, which the least value of a block is multiplied with.
        let totals = vec4(dot(a0, vec4(1.0)), dot(a1, vec4(1.0)), dot(a2, vec4(1.0)), dot(a3, vec4(1.0)));
        let x00 = placed(a00, odd); let x01 = placed(a01, odd); let x02 = placed(a02, odd); let x03 = placed(a03, odd);
        let x10 = placed(a10, odd); let x11 = placed(a11, odd); let x12 = placed(a12, odd); let x13 = placed(a13, odd);
        let x20 = placed(a20, odd); let x21 = placed(a21, odd); let x22 = placed(a22, odd); let x23 = placed(a23, odd);
        let x30 = placed(a30, odd); let x31 = placed(a31, odd); let x32 = placed(a32, odd); let x33 = placed(a33, odd);

        for (var first = group.x * GROUPS; first < sizes.N; first += groups.x * GROUPS) {
            let n = first + local / LANES;
            let row = min(n, sizes.N - 1u);
            let w = weight16(row, block);
            var sums = bias + vec4(
                dot(w[0], x00) + dot(w[1], x01) + dot(w[2], x02) + dot(w[3], x03),
                dot(w[0], x10) + dot(w[1], x11) + dot(w[2], x12) + dot(w[3], x13),
                dot(w[0], x20) + dot(w[1], x21) + dot(w[2], x22) + dot(w[3], x23),
                dot(w[0], x30) + dot(w[1], x31) + dot(w[2], x32) + dot(w[3], x33));
            if (BLOCKED == 1u) {
                let own = block_scale(row, block);
                sums = sums * own.x + totals * own.y;
            }
            let s0 = sum_lanes(sums.x, local);
            let s1 = sum_lanes(sums.y, local);
            let s2 = sum_lanes(sums.z, local);
            let s3 = sum_lanes(sums.w, local);
            // Lane t keeps the sum of row t of x.
            let share = select(select(s0, s1, lane == 1u), select(s2, s3, lane == 3u), lane >= 2u);
            let t = token + lane;
            if (lane < 4u && n < sizes.N && t < sizes.T) { store(t * sizes.N + n, n, share, run); }
        }
    }
}

// Adds a run's share of a sum; the last run finishes it.
fn store(at: u32, n: u32, share: f32, run: u32) {
    var total = share;
    if (RUNS > 1u && run > 0u) { total += y[at]; }
    if (run + 1u < RUNS) {
        y[at] = total;
        return;
    }
    finish(at, n, total);
}
