// Shared-memory product: y[t, n] = act(Σ_k x[t, k] w[n, k] + bias[n]) + residual[t, n].
// A workgroup makes a 32 by 32 tile of y, 4 by 4 an invocation, in steps of 16 columns.

override K: u32;                 // width of x, a multiple of 4

struct Sizes { T: u32, N: u32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       x: array<vec4<f32>>;       // [T, K]
@group(0) @binding(2) var<storage, read>       weight: array<array<vec4<u32>, 2>>;  // [N, K] packed
@group(0) @binding(3) var<storage, read>       rows: array<vec2<u32>>;    // [N, scale bias, blocks]
@group(0) @binding(4) var<storage, read>       residual: array<f32>;      // [T, N]
@group(0) @binding(5) var<storage, read_write> y: array<f32>;             // [1 or 2, T, N]

override K4: u32 = K / 4u;

// Column-major: [16 columns][8 groups of 4 rows], a little wider than a power of two against
// bank conflicts.
var<workgroup> x_tile: array<vec4<f32>, 144>;  // [16, 9] of 4 rows
var<workgroup> w_tile: array<vec4<f32>, 144>;

@compute @workgroup_size(8, 8)
fn linear_tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let first_t = group.y * 32u;
    let first_n = group.x * 32u;
    // Each invocation fetches 4 columns of 2 rows of both tiles.
    let column4 = index % 4u;
    let fetched = index / 4u;
    var c0 = vec4(0.0); var c1 = vec4(0.0); var c2 = vec4(0.0); var c3 = vec4(0.0);
    for (var block = 0u; block < COLUMNS / 16u; block++) {
        for (var half = 0u; half < 2u; half++) {
            let row = fetched + half * 16u;
            fetch(row, column4, block * 4u + column4, first_t + row, first_n + row);
        }
        workgroupBarrier();
        for (var k = 0u; k < 16u; k++) {
            let a = x_tile[k * 9u + local.y];
            let b = w_tile[k * 9u + local.x];
            c0 += a.x * b;
            c1 += a.y * b;
            c2 += a.z * b;
            c3 += a.w * b;
        }
        workgroupBarrier();
    }
    let t = first_t + local.y * 4u;
    let n = first_n + local.x * 4u;
    store(t, n, c0);
    store(t + 1u, n, c1);
    store(t + 2u, n, c2);
    store(t + 3u, n, c3);
}

fn fetch(row: u32, column4: u32, at: u32, t: u32, n: u32) {
    var a = vec4(0.0);
    var b = vec4(0.0);
    if (at < K4) {
        if (t < sizes.T) { a = x[t * K4 + at]; }
        if (n < sizes.N) { b = weight4(n, at); }
    }
    for (var j = 0u; j < 4u; j++) {
        let place = (column4 * 4u + j) * 9u + row / 4u;
        x_tile[place][row % 4u] = a[j];
        w_tile[place][row % 4u] = b[j];
    }
}

fn store(t: u32, first: u32, sums: vec4<f32>) {
    if (t >= sizes.T) { return; }
    for (var j = 0u; j < 4u && first + j < sizes.N; j++) {
        let n = first + j;
        finish(t * sizes.N + n, n, sums[j]);
    }
}
