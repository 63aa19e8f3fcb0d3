// Keys and values shared by heads: y[t] = queries of x[t], then the mean of each group of its key-value heads.

override WORKGROUP: u32;
override K: u32;  // width of a head

struct Sizes {
    T: u32, H: u32,     // rows, and heads of queries
    G: u32, means: u32,  // heads of keys, as many of values: before and after
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       x: array<f32>;  // [T, H + 2G, K]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // [T, H + 2 means, K]

@compute @workgroup_size(WORKGROUP)
fn share(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let heads = sizes.H + 2u * sizes.means;
    let each = sizes.G / sizes.means;
    for (var at = id.x; at < sizes.T * heads * K; at += groups.x * WORKGROUP) {
        let row = at / (heads * K) * (sizes.H + 2u * sizes.G);
        let head = at / K % heads;
        if (head < sizes.H) {
            y[at] = x[(row + head) * K + at % K];
        } else {
            // Keys and values lie alike: groups of the one end where those of the other begin.
            let first = row + sizes.H + (head - sizes.H) * each;
            var total = 0.0;
            for (var g = 0u; g < each; g++) { total += x[(first + g) * K + at % K]; }
            y[at] = total / f32(each);
        }
    }
}
