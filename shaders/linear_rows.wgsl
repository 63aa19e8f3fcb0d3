// Register-tiled product: y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n].
// LANES invocations share a row of w; each holds 32 values of each of 4 rows of x while rows of w
// go by, so that a weight that was read and unpacked once serves 4 rows of x.

override WORKGROUP: u32;
override LANES: u32;             // invocations that share a row of w, 4 at least
override K: u32;                 // width of x, a multiple of 4

struct Sizes { T: u32, N: u32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       x: array<vec4<f32>>;       // [T, K]
@group(0) @binding(2) var<storage, read>       weight: array<array<vec4<u32>, 2>>;  // [N, K] packed
@group(0) @binding(3) var<storage, read>       rows: array<vec2<u32>>;    // [N, scale bias, blocks]
@group(0) @binding(4) var<storage, read>       residual: array<f32>;      // [T, N]
@group(0) @binding(5) var<storage, read_write> y: array<f32>;             // [1 or 2, T, N]

override K4: u32 = K / 4u;
override RUNS: u32 = (COLUMNS / 32u + LANES - 1u) / LANES;  // blocks of 32 columns a lane
override GROUPS: u32 = WORKGROUP / LANES;
override EXACT: bool = RUNS * LANES * 32u == K;      // no edge

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
        for (var j = 0u; j < 32u; j++) { taken[j] = load(token + j / 8u, block * 8u + j % 8u); }
        let a0 = taken_columns(0u);
        let a1 = taken_columns(8u);
        let a2 = taken_columns(16u);
        let a3 = taken_columns(24u);
        let o0 = offset_of(a0);
        let o1 = offset_of(a1);
        let o2 = offset_of(a2);
        let o3 = offset_of(a3);
        let offsets = vec4(o0.x, o1.x, o2.x, o3.x);
        let totals = vec4(o0.y, o1.y, o2.y, o3.y);
        let x0 = place_columns(a0);
        let x1 = place_columns(a1);
        let x2 = place_columns(a2);
        let x3 = place_columns(a3);
        // Divided here once: some adapters divide lane by lane.
        let two = block / 2u;
        let side = block % 2u;
        let first_pair = select(block, two, STORAGE == 4u);

        for (var first = group.x * GROUPS; first < sizes.N; first += groups.x * GROUPS) {
            let n = first + local / LANES;
            let row = min(n, sizes.N - 1u);
            var sums = offsets;
            if (STORAGE >= 2u) {
                let pair = &weight[row * PAIRS + first_pair];
                let v = (*pair)[select(0u, side, STORAGE == 4u)];
                var w = v;
                if (STORAGE != 4u) { w = (*pair)[1]; }
                sums += products(unpacked(v.x, false), x0.a, x1.a, x2.a, x3.a);
                sums += products(unpacked(v.y, false), x0.b, x1.b, x2.b, x3.b);
                sums += products(unpacked(v.z, false), x0.c, x1.c, x2.c, x3.c);
                sums += products(unpacked(v.w, false), x0.d, x1.d, x2.d, x3.d);
                sums += products(unpacked(w.x, true), x0.e, x1.e, x2.e, x3.e);
                sums += products(unpacked(w.y, true), x0.f, x1.f, x2.f, x3.f);
                sums += products(unpacked(w.z, true), x0.g, x1.g, x2.g, x3.g);
                sums += products(unpacked(w.w, true), x0.h, x1.h, x2.h, x3.h);
            } else {
                let w = float_columns(row, block);
                sums += products(w.a, x0.a, x1.a, x2.a, x3.a);
                sums += products(w.b, x0.b, x1.b, x2.b, x3.b);
                sums += products(w.c, x0.c, x1.c, x2.c, x3.c);
                sums += products(w.d, x0.d, x1.d, x2.d, x3.d);
                sums += products(w.e, x0.e, x1.e, x2.e, x3.e);
                sums += products(w.f, x0.f, x1.f, x2.f, x3.f);
                sums += products(w.g, x0.g, x1.g, x2.g, x3.g);
                sums += products(w.h, x0.h, x1.h, x2.h, x3.h);
            }
            if (BLOCKED) {
                let own = block_scales(row, two);
                let own_block = scale_least(select(own.x, own.y, side == 1u));
                sums = sums * own_block.x + totals * own_block.y;
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

// Four columns of w times those of four rows of x.
fn products(w: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
    return vec4(dot(w, a), dot(w, b), dot(w, c), dot(w, d));
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
