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

    let query_at = (b * sizes.T + t) * sizes.query_row + sizes.query + h * K4 + part;
    var query: Part;
    query.a = of_query(query_at, part, 0u); query.b = of_query(query_at, part, 1u);
    query.c = of_query(query_at, part, 2u); query.d = of_query(query_at, part, 3u);
    query.e = of_query(query_at, part, 4u); query.f = of_query(query_at, part, 5u);
    query.g = of_query(query_at, part, 6u); query.h = of_query(query_at, part, 7u);
    var total: Part;

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
        let key = read_part(in_ring, row + select(sizes.key, 0u, in_ring), part);
        let score = sum_lanes(dot_parts(query, key), local) * sizes.scale;
        if (TRACE && store && lane == 0u) { scores[trace_at + s] = score; }
        if (s < allowed) {
            // Either the maximum so far stays, or all before it shrinks: one exponential for both.
            let above = score > most;
            let factor = exp(-abs(score - most));
            let shrink = select(1.0, factor, above);
            let weight = select(factor, 1.0, above);
            most = max(most, score);
            weight_sum = weight_sum * shrink + weight;
            let value = read_part(in_ring, row + select(sizes.value, sizes.G * K4, in_ring), part);
            total = mix_parts(total, shrink, value, weight);
        }
    }
    if (!store) { return; }
    let context_at = ((b * sizes.T + t) * sizes.H + h) * K4 + part;
    write_part(context_at, part, total, 1.0 / weight_sum);
    if (RING && h % (sizes.H / sizes.G) == 0u) {
        let slot_at = ring_at + now * 2u * sizes.G * K4;
        for (var j = 0u; j < PART; j++) {
            if (inside(part, j)) {
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

// A lane's share of a vector. Named fields, since an indexed array would not stay in registers.
struct Part {
    a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>,
    e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32>,
}

// Whether the lane that starts at vec4 `part` of a head has a vec4 of number `j`.
fn inside(part: u32, j: u32) -> bool {
    return j < PART && (EXACT || part + j < K4);
}

fn of_query(at: u32, part: u32, j: u32) -> vec4<f32> {
    if (inside(part, j)) { return queries[at + j]; }
    return vec4(0.0);
}

fn of_row(in_ring: bool, at: u32, part: u32, j: u32) -> vec4<f32> {
    if (!inside(part, j)) { return vec4(0.0); }
    if (RING) {
        if (in_ring) { return ring[at + j]; }
    }
    return fresh[at + j];
}

fn read_part(in_ring: bool, at: u32, part: u32) -> Part {
    var x: Part;
    x.a = of_row(in_ring, at, part, 0u);
    if (PART > 1u) { x.b = of_row(in_ring, at, part, 1u); }
    if (PART > 2u) { x.c = of_row(in_ring, at, part, 2u); x.d = of_row(in_ring, at, part, 3u); }
    if (PART > 4u) { x.e = of_row(in_ring, at, part, 4u); x.f = of_row(in_ring, at, part, 5u); }
    if (PART > 6u) { x.g = of_row(in_ring, at, part, 6u); x.h = of_row(in_ring, at, part, 7u); }
    return x;
}

fn dot_parts(x: Part, y: Part) -> f32 {
    var total = dot(x.a, y.a);
    if (PART > 1u) { total += dot(x.b, y.b); }
    if (PART > 2u) { total += dot(x.c, y.c) + dot(x.d, y.d); }
    if (PART > 4u) { total += dot(x.e, y.e) + dot(x.f, y.f); }
    if (PART > 6u) { total += dot(x.g, y.g) + dot(x.h, y.h); }
    return total;
}

fn mix_parts(x: Part, p: f32, y: Part, q: f32) -> Part {
    var z: Part;
    z.a = x.a * p + y.a * q;
    if (PART > 1u) { z.b = x.b * p + y.b * q; }
    if (PART > 2u) { z.c = x.c * p + y.c * q; z.d = x.d * p + y.d * q; }
    if (PART > 4u) { z.e = x.e * p + y.e * q; z.f = x.f * p + y.f * q; }
    if (PART > 6u) { z.g = x.g * p + y.g * q; z.h = x.h * p + y.h * q; }
    return z;
}

fn write_part(at: u32, part: u32, x: Part, scale: f32) {
    if (inside(part, 0u)) { context[at] = x.a * scale; }
    if (inside(part, 1u)) { context[at + 1u] = x.b * scale; }
    if (inside(part, 2u)) { context[at + 2u] = x.c * scale; }
    if (inside(part, 3u)) { context[at + 3u] = x.d * scale; }
    if (inside(part, 4u)) { context[at + 4u] = x.e * scale; }
    if (inside(part, 5u)) { context[at + 5u] = x.f * scale; }
    if (inside(part, 6u)) { context[at + 6u] = x.g * scale; }
    if (inside(part, 7u)) { context[at + 7u] = x.h * scale; }
}
