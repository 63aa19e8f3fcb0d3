// Masked softmax attention: context[t, h] = Σ_s softmax_s(q[t, h] · k[s, h] / √K) v[s, h], over
// the keys that the mask allows. One kernel for three uses: with padding mask over the rows of
// `fresh` (encoder self-attention, cross-attention), or over the K-V ring, which then takes in the
// fresh key and value at its slot (masked decoder self-attention).

override WORKGROUP: u32;
override LANES: u32;           // invocations that share a head, each with PART of its vec4s
override PART: u32;            // at most 8
override K4: u32;              // width of a head in vec4s
override RING: bool = false;
override TRACE: bool = false;  // store scores and weights

struct Sizes {
    B: u32, H: u32, G: u32, T: u32, S: u32,   // S keys a sentence, or slots of its ring
    query_row: u32, fresh_row: u32,           // vec4s from row to row
    query: u32, key: u32, value: u32,         // vec4s from the start of a row
    scale: f32,
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       queries: array<vec4<f32>>;  // [B, T, query_row]
@group(0) @binding(2) var<storage, read>       fresh: array<vec4<f32>>;    // [B, S or 1, fresh_row]
@group(0) @binding(3) var<storage, read>       lengths: array<u32>;        // [B] keys of a sentence
@group(0) @binding(4) var<storage, read>       state: array<u32>;          // StepState
@group(0) @binding(5) var<storage, read_write> ring: array<vec4<f32>>;     // [B, S, 2, G, K]
@group(0) @binding(6) var<storage, read_write> context: array<vec4<f32>>;  // [B, T, H, K]
@group(0) @binding(7) var<storage, read_write> scores: array<f32>;         // [B, H, T, S]
@group(0) @binding(8) var<storage, read_write> weights: array<f32>;        // [B, H, T, S]

override GROUPS: u32 = WORKGROUP / LANES;
override EXACT: bool = LANES * PART == K4;  // the lanes divide the head

@compute @workgroup_size(WORKGROUP)
fn attention(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let items = sizes.B * sizes.T * sizes.H;
    for (var first = group.x * GROUPS; first < items; first += groups.x * GROUPS) {
        let item = first + local / LANES;
        attend(min(item, items - 1u), item < items, local);
    }
}

// One head of one query. Lanes of a group that has no item compute the last one and store nothing.
fn attend(item: u32, store: bool, local: u32) {
    let h = item % sizes.H;
    let t = item / sizes.H % sizes.T;
    let b = item / sizes.H / sizes.T;
    let g = h / (sizes.H / sizes.G);
    let lane = local % LANES;
    let part = lane * PART;

    var query: array<vec4<f32>, 8>;
    var total: array<vec4<f32>, 8>;
    let query_at = (b * sizes.T + t) * sizes.query_row + sizes.query + h * K4 + part;
    for (var j = 0u; j < PART; j++) {
        if (inside(part + j)) { query[j] = queries[query_at + j]; }
    }

    // How many rows of keys there are, how many the mask allows, and which one this step writes.
    // The loop's bound is the same for all invocations, since they reduce together.
    var seen = sizes.S;
    var allowed = 0u;
    var now = sizes.S;
    if (RING) {
        seen = min(state[STATE_POSITION] + 1u, sizes.S);
        allowed = seen;
        now = state[STATE_POSITION] & (sizes.S - 1u);
    } else {
        allowed = lengths[b];
    }
    let fresh_at = select(b * sizes.S, b, RING) * sizes.fresh_row + g * K4 + part;
    let ring_at = (b * sizes.S * 2u * sizes.G + g) * K4 + part;
    let trace_at = ((b * sizes.H + h) * sizes.T + t) * sizes.S;
    var most = -1e30;
    var weight_sum = 0.0;
    for (var s = 0u; s < seen; s++) {
        let in_ring = RING && s != now;
        let row = select(fresh_at + select(s, 0u, RING) * sizes.fresh_row,
                         ring_at + s * 2u * sizes.G * K4, in_ring);
        let key_at = row + select(sizes.key, 0u, in_ring);
        let value_at = row + select(sizes.value, sizes.G * K4, in_ring);
        var dots = 0.0;
        for (var j = 0u; j < PART; j++) {
            if (inside(part + j)) { dots += dot(query[j], vector_at(in_ring, key_at + j)); }
        }
        let score = sum_lanes(dots, local) * sizes.scale;
        if (TRACE && store && lane == 0u) { scores[trace_at + s] = score; }
        if (s < allowed) {
            let new_most = max(most, score);
            let shrink = exp(most - new_most);
            let weight = exp(score - new_most);
            weight_sum = weight_sum * shrink + weight;
            most = new_most;
            for (var j = 0u; j < PART; j++) {
                if (inside(part + j)) {
                    total[j] = total[j] * shrink + weight * vector_at(in_ring, value_at + j);
                }
            }
        }
    }
    if (!store) { return; }
    let context_at = ((b * sizes.T + t) * sizes.H + h) * K4 + part;
    for (var j = 0u; j < PART; j++) {
        if (inside(part + j)) { context[context_at + j] = total[j] / weight_sum; }
    }
    if (RING && h % (sizes.H / sizes.G) == 0u) {
        let slot_at = ring_at + now * 2u * sizes.G * K4;
        for (var j = 0u; j < PART; j++) {
            if (inside(part + j)) {
                ring[slot_at + j] = fresh[fresh_at + sizes.key + j];
                ring[slot_at + sizes.G * K4 + j] = fresh[fresh_at + sizes.value + j];
            }
        }
    }
    if (TRACE && lane == 0u) {
        for (var s = 0u; s < sizes.S; s++) {
            if (s >= seen) { scores[trace_at + s] = 0.0; }
            let weight = exp(scores[trace_at + s] - most) / weight_sum;
            weights[trace_at + s] = select(0.0, weight, s < allowed);
        }
    }
}

fn inside(at: u32) -> bool {
    return EXACT || at < K4;
}

fn vector_at(in_ring: bool, at: u32) -> vec4<f32> {
    if (RING) {
        if (in_ring) { return ring[at]; }
    }
    return fresh[at];
}
