// Masked softmax attention: context[t, h] = Σ_s softmax_s(q[t, h] · k[s, h] / √K) v[s, h], over
// the keys that the mask allows. One kernel for three uses: over the rows of `fresh` that are no
// padding (encoder self-attention, cross-attention); one step over the K-V ring, which then takes
// in the fresh key and value at its slot; a chunk of positions over what the ring holds and over
// the fresh rows up to their own. Rotary positions turn a step's query and key on their way.

override WORKGROUP: u32;
override LANES: u32;            // invocations that share a head, each with PART of its vec4s
override PART: u32;             // at most 8
override K4: u32;               // width of a head in vec4s
override RING: bool = false;
override CHUNK: bool = false;   // many queries over a ring, which is only read
override ROTARY: bool = false;
override TRACE: bool = false;   // store scores and weights

struct Sizes {
    B: u32, H: u32, G: u32, T: u32, S: u32,   // S keys a sentence, or slots of its ring
    sinks: u32,                               // slots of the first positions, which stay
    query_row: u32, fresh_row: u32,           // vec4s from row to row
    query: u32, key: u32, value: u32,         // vec4s from the start of a row
    scale: f32,
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       queries: array<vec4<f32>>;  // [B, T, query_row]
@group(0) @binding(2) var<storage, read>       fresh: array<vec4<f32>>;    // [B, S, 1 or T, fresh_row]
@group(0) @binding(3) var<storage, read>       state: array<u32>;          // StepState, or lengths [B]
@group(0) @binding(4) var<storage, read>       rotary: array<vec4<f32>>;   // [2, 1024, K/2, cos sin]
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
        // No query of this workgroup looks at a fresh row beyond its last one.
        let last = min(first + GROUPS, items) - 1u;
        let t = last / sizes.H % sizes.T;
        let one = last / sizes.H / sizes.T == first / sizes.H / sizes.T;
        attend(min(item, items - 1u), item < items, local, select(sizes.T, t + 1u, one));
    }
}

// One head of one query. Lanes of a group that has no item compute the last one and store nothing.
fn attend(item: u32, store: bool, local: u32, limit: u32) {
    let h = item % sizes.H;
    let t = item / sizes.H % sizes.T;
    let b = item / sizes.H / sizes.T;
    let g = h / (sizes.H / sizes.G);
    let lane = local % LANES;
    let part = lane * PART;

    // How many rows of keys there are; `now` is the position of the first fresh one. The loop's
    // bound is the same for all invocations, since they reduce together.
    var now = 0u;
    var kept = 0u;
    var seen = sizes.S;
    var held = 0u;
    if (RING) {
        now = state[STATE_POSITION];
        kept = min(now, sizes.S);
        held = min(now + t + 1u, sizes.S);
        seen = select(min(now + 1u, sizes.S), kept + limit, CHUNK);
    } else {
        held = state[b];
    }
    let slot_now = slot_of(now, sizes.S, sizes.sinks);

    let query_at = (b * sizes.T + t) * sizes.query_row + sizes.query + h * K4 + part;
    var query: Part;
    query.a = of_query(query_at, now, part, 0u); query.b = of_query(query_at, now, part, 1u);
    query.c = of_query(query_at, now, part, 2u); query.d = of_query(query_at, now, part, 3u);
    query.e = of_query(query_at, now, part, 4u); query.f = of_query(query_at, now, part, 5u);
    query.g = of_query(query_at, now, part, 6u); query.h = of_query(query_at, now, part, 7u);
    var total: Part;

    let rows = select(select(sizes.S, 1u, RING), sizes.T, CHUNK);
    let fresh_at = b * rows * sizes.fresh_row + g * K4 + part;
    let ring_at = (b * sizes.S * 2u * sizes.G + g) * K4 + part;
    let trace_at = ((b * sizes.H + h) * sizes.T + t) * sizes.S;
    var most = -1e30;
    var weight_sum = 0.0;
    for (var s = 0u; s < seen; s++) {
        var in_ring = false;
        var fresh_row = s;
        var slot = s;
        var allowed = s < held;
        if (CHUNK) {
            in_ring = s < kept;
            fresh_row = s - kept;
            var position = now + fresh_row;
            if (in_ring) { position = position_in(s, now, sizes.S, sizes.sinks); }
            let near = position + sizes.S - sizes.sinks > now + t || position < sizes.sinks;
            allowed = near && position <= now + t;
            if (TRACE && !in_ring) { slot = slot_of(position, sizes.S, sizes.sinks); }
        } else if (RING) {
            in_ring = s != slot_now;
            fresh_row = 0u;
        }
        let row = select(fresh_at + fresh_row * sizes.fresh_row,
                         ring_at + s * 2u * sizes.G * K4, in_ring);
        let key = read_part(in_ring, ROTARY, row + select(sizes.key, 0u, in_ring), now, part);
        let score = sum_lanes(dot_parts(query, key), local) * sizes.scale;
        // A slot of a chunk has two keys, the old and the fresh one, and a query looks at one.
        if (TRACE && store && lane == 0u && (allowed || !CHUNK)) { scores[trace_at + slot] = score; }
        if (allowed) {
            // Either the maximum so far stays, or all before it shrinks: one exponential for both.
            let above = score > most;
            let factor = exp(-abs(score - most));
            let shrink = select(1.0, factor, above);
            let weight = select(factor, 1.0, above);
            most = max(most, score);
            weight_sum = weight_sum * shrink + weight;
            let value_at = row + select(sizes.value, sizes.G * K4, in_ring);
            let value = read_part(in_ring, false, value_at, now, part);
            total = mix_parts(total, shrink, value, weight);
        }
    }
    if (!store) { return; }
    let context_at = ((b * sizes.T + t) * sizes.H + h) * K4 + part;
    write_part(context_at, part, total, 1.0 / weight_sum);
    if (RING && !CHUNK && h % (sizes.H / sizes.G) == 0u) {
        let slot_at = ring_at + slot_now * 2u * sizes.G * K4;
        for (var j = 0u; j < PART; j++) {
            if (inside(part, j)) {
                ring[slot_at + j] = of_row(false, ROTARY, fresh_at + sizes.key, now, part, j);
                ring[slot_at + sizes.G * K4 + j] = fresh[fresh_at + sizes.value + j];
            }
        }
    }
    if (TRACE && lane == 0u) {
        let filled = select(sizes.S, held, RING);
        for (var s = 0u; s < sizes.S; s++) {
            if (s >= filled) { scores[trace_at + s] = 0.0; }
            let weight = exp(scores[trace_at + s] - most) / weight_sum;
            weights[trace_at + s] = select(0.0, weight, s < held);
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

fn of_query(at: u32, position: u32, part: u32, j: u32) -> vec4<f32> {
    if (!inside(part, j)) { return vec4(0.0); }
    if (ROTARY) { return turned(queries[at + j], position, part + j); }
    return queries[at + j];
}

// A vec4 of a row of keys or values; fresh keys may have to turn first.
fn of_row(in_ring: bool, turns: bool, at: u32, position: u32, part: u32, j: u32) -> vec4<f32> {
    if (!inside(part, j)) { return vec4(0.0); }
    if (RING) {
        if (in_ring) { return ring[at + j]; }
    }
    if (ROTARY) {
        if (turns) { return turned(fresh[at + j], position, part + j); }
    }
    return fresh[at + j];
}

fn read_part(in_ring: bool, turns: bool, at: u32, position: u32, part: u32) -> Part {
    var x: Part;
    x.a = of_row(in_ring, turns, at, position, part, 0u);
    if (PART > 1u) { x.b = of_row(in_ring, turns, at, position, part, 1u); }
    if (PART > 2u) {
        x.c = of_row(in_ring, turns, at, position, part, 2u);
        x.d = of_row(in_ring, turns, at, position, part, 3u);
    }
    if (PART > 4u) {
        x.e = of_row(in_ring, turns, at, position, part, 4u);
        x.f = of_row(in_ring, turns, at, position, part, 5u);
    }
    if (PART > 6u) {
        x.g = of_row(in_ring, turns, at, position, part, 6u);
        x.h = of_row(in_ring, turns, at, position, part, 7u);
    }
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
