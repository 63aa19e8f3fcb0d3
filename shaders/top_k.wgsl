// The k largest logits of each part of a row, with the part's maximum and Σ exp(logit − maximum).
// The greater logit comes first; of equal ones the lower id, as on the CPU.

override WORKGROUP: u32;
override LANES: u32;  // all of the workgroup

struct Sizes {
    V: u32, k: u32,
    suppressed: u32,  // a token that is never chosen and has no probability, or V
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       logits: array<f32>;  // [B, V]
@group(0) @binding(2) var<storage, read_write> best: array<u32>;    // [B, P, 2 + 2k] maximum, sum, logits, ids

@compute @workgroup_size(WORKGROUP)
fn top_k(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // Part p of row b.
    let size = (sizes.V + groups.x - 1u) / groups.x;
    let first = min(group.x * size, sizes.V);
    let end = min(first + size, sizes.V);
    let row = group.y * sizes.V;
    let out = (group.y * groups.x + group.x) * (2u + 2u * sizes.k);

    // Round i finds the best of those that come after the winner of round i − 1.
    var last_logit = 1e38;
    var last_id = 0u;
    for (var i = 0u; i < sizes.k; i++) {
        var logit = -1e38;
        var winner = sizes.V;
        for (var id = first + local; id < end; id += WORKGROUP) {
            let value = logits[row + id];
            let is_after = value < last_logit || (value == last_logit && id > last_id);
            if (is_after && value > logit && id != sizes.suppressed) {
                logit = value;
                winner = id;
            }
        }
        last_logit = max_lanes(logit, local);
        last_id = least_lanes(select(sizes.V, winner, logit == last_logit), local);
        if (i == 0u) { write_sum(row, first, end, last_logit, out, local); }
        if (local == 0u) {
            best[out + 2u + i] = bitcast<u32>(last_logit);
            best[out + 2u + sizes.k + i] = last_id;
        }
    }
}

// The maximum of a part, which its first round has found, and the sum of exponentials beside it.
fn write_sum(row: u32, first: u32, end: u32, most: f32, out: u32, local: u32) {
    var exponentials = 0.0;
    for (var id = first + local; id < end; id += WORKGROUP) {
        if (id != sizes.suppressed) { exponentials += exp(logits[row + id] - most); }
    }
    exponentials = sum_lanes(exponentials, local);
    if (local == 0u) {
        best[out] = bitcast<u32>(most);
        best[out + 1u] = bitcast<u32>(exponentials);
    }
}
