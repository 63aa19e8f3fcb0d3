// Masked softmax attention: context[t, h] = Σ_s softmax_s(q[t, h] · k[s, h] / √K) v[s, h], over
// the keys that the mask allows. One kernel for three uses: over the rows of `fresh` (encoder
// self-attention, cross-attention, whole sequences); a chunk of positions over what a K-V ring
// holds and over the fresh rows; one step, a chunk of one position, which also puts its key and
// value into the ring. Rotary positions turn a step's query and key on their way.
// The same in the plainest words: src/ops/attention_twin.rs.

override WORKGROUP: u32;
override LANES: u32;            // invocations that share a head, each with PART of its vec4s
override PART: u32;             // at most 8
override TILE: u32;             // queries for which keys and values are loaded once, at most 4
override K4: u32;               // width of a head in vec4s
override RING: bool = false;
override CHUNK: bool = false;   // the ring is only read
override CAUSAL: bool = false;  // no key of a later position
override PADDED: bool = false;  // of the rows no key beyond the length of a sentence
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
@group(0) @binding(2) var<storage, read>       fresh: array<vec4<f32>>;    // [B, S or T, fresh_row]
@group(0) @binding(3) var<storage, read>       state: array<u32>;          // StepState, or lengths [B]
@group(0) @binding(4) var<storage, read>       rotary: array<vec4<f32>>;   // [2, 1024, K/2, cos sin]
@group(0) @binding(5) var<storage, read_write> ring: array<vec4<f32>>;     // [B, S, 2, G, K]
@group(0) @binding(6) var<storage, read_write> context: array<vec4<f32>>;  // [B, T, H, K]
@group(0) @binding(7) var<storage, read_write> maps: array<f32>;           // [2, B, H, T, S] scores, weights

override GROUPS: u32 = WORKGROUP / LANES;

const EVER = 0xffffffffu;

// One head of one query, and what came of the keys that it has looked at.
struct Query {
    x: Part,
    t: u32,
    h: u32,
    exists: bool,       // else it repeats another and stores nothing
    total: Part,        // Σ weight · value
    weight_sum: f32,
    most: f32,          // the greatest score so far, which has the weight 1
}

// A key and its value, which the queries from row `since` to before row `until` look at.
struct Seen {
    key: Part,
    value: Part,
    since: u32,
    until: u32,
    kept: bool,         // by the ring
    slot: u32,          // where the traced maps have it
}

@compute @workgroup_size(WORKGROUP)
fn attention(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // The T · H/G queries that share a head of keys are cut into tiles.
    let tiles = (sizes.T * (sizes.H / sizes.G) + TILE - 1u) / TILE;
    let items = sizes.B * tiles * sizes.G;
    for (var first = group.x * GROUPS; first < items; first += groups.x * GROUPS) {
        let item = first + local / LANES;
        // No query of this workgroup looks at a fresh row beyond that of its last one. The bound
        // is the same for all invocations, since they reduce together.
        let last = (min(first + GROUPS, items) - 1u) / sizes.G;
        let one = last / tiles == first / sizes.G / tiles;
        let query = last % tiles * TILE + TILE - 1u;
        let seen = min(query / (sizes.H / sizes.G) + 1u, select(sizes.S, sizes.T, RING));
        let rows = select(select(sizes.S, sizes.T, RING), seen, one && CAUSAL);
        attend(min(item, items - 1u), item < items, local, rows);
    }
}

// Slots that some sentence's ring holds before this step or chunk.
fn slots_held() -> u32 {
    var most = 0u;
    for (var b = 0u; b < sizes.B; b++) { most = max(most, position_of(b)); }
    return min(most, sizes.S);
}

// A tile of queries. Lanes of a group that has no item compute the last one and store nothing.
fn attend(item: u32, exists: bool, local: u32, rows: u32) {
    let g = item % sizes.G;
    let tiles = (sizes.T * (sizes.H / sizes.G) + TILE - 1u) / TILE;
    let first = item / sizes.G % tiles * TILE;
    let b = item / sizes.G / tiles;
    let part = local % LANES * PART;
    var now = 0u;
    var real = EVER;  // rows that are no padding
    if (RING) { now = position_of(b); } else if (PADDED) { real = state[b]; }
    if (RING && !CAUSAL) { real = fresh_rows(b); }

    var query0 = query_of(b, g, first, exists, now, part);
    var query1: Query;
    var query2: Query;
    var query3: Query;
    if (TILE > 1u) { query1 = query_of(b, g, first + 1u, exists, now, part); }
    if (TILE > 2u) { query2 = query_of(b, g, first + 2u, exists, now, part); }
    if (TILE > 3u) { query3 = query_of(b, g, first + 3u, exists, now, part); }

    let half = sizes.G * K4;
    let ring_at = (b * sizes.S * 2u * sizes.G + g) * K4 + part;
    let fresh_at = b * select(sizes.S, sizes.T, RING) * sizes.fresh_row + g * K4 + part;
    let slot_now = slot_of(now, sizes.S, sizes.sinks);
    let cycle = sizes.S - sizes.sinks;
    if (RING) {
        let kept = slots_held();
        for (var s = 0u; s < kept; s++) {
            var seen: Seen;
            let at = ring_at + s * 2u * half;
            seen.key = kept_part(at, part);
            seen.value = kept_part(at + half, part);
            // A slot is seen until the row whose position takes it. A step's own slot is seen by
            // nobody: another workgroup may be writing it, and old or new words have the weight 0.
            seen.until = select(s - slot_now, s + cycle - slot_now, s < slot_now);
            if (s < sizes.sinks) { seen.until = EVER; }
            seen.slot = s;
            seen.kept = s < now;
            if (!seen.kept) { seen.until = 0u; }
            look(&query0, seen, b, local);
            if (TILE > 1u) { look(&query1, seen, b, local); }
            if (TILE > 2u) { look(&query2, seen, b, local); }
            if (TILE > 3u) { look(&query3, seen, b, local); }
        }
    }
    for (var s = 0u; s < rows; s++) {
        var seen: Seen;
        let at = fresh_at + s * sizes.fresh_row;
        seen.key = fresh_part(at + sizes.key, ROTARY, now, part);
        seen.value = fresh_part(at + sizes.value, false, now, part);
        seen.slot = s;
        seen.until = EVER;
        if (RING) {
            seen.until = select(s + cycle, EVER, now + s < sizes.sinks);
            if (TRACE) { seen.slot = slot_of(now + s, sizes.S, sizes.sinks); }
        }
        if (CAUSAL) { seen.since = s; }
        if (s >= real) { seen.until = 0u; }
        look(&query0, seen, b, local);
        if (TILE > 1u) { look(&query1, seen, b, local); }
        if (TILE > 2u) { look(&query2, seen, b, local); }
        if (TILE > 3u) { look(&query3, seen, b, local); }
    }
    store(query0, b, now, part);
    if (TILE > 1u) { store(query1, b, now, part); }
    if (TILE > 2u) { store(query2, b, now, part); }
    if (TILE > 3u) { store(query3, b, now, part); }
    if (RING && !CHUNK && first == 0u && exists) {
        for (var j = 0u; j < PART; j++) {
            if (inside(part, j)) {
                let at = ring_at + slot_now * 2u * half + j;
                ring[at] = of_fresh(fresh_at + sizes.key, ROTARY, now, part, j);
                ring[at + half] = fresh[fresh_at + sizes.value + j];
            }
        }
    }
}

// Query `number` of those that share the keys of head g.
fn query_of(b: u32, g: u32, number: u32, exists: bool, now: u32, part: u32) -> Query {
    let each = sizes.H / sizes.G;
    var query: Query;
    query.t = min(number / each, sizes.T - 1u);
    query.h = g * each + number % each;
    query.exists = exists && number < sizes.T * each;
    query.most = -1e30;
    let at = (b * sizes.T + query.t) * sizes.query_row + sizes.query + query.h * K4 + part;
    query.x.a = of_query(at, now, part, 0u);
    if (PART > 1u) { query.x.b = of_query(at, now, part, 1u); }
    if (PART > 2u) {
        query.x.c = of_query(at, now, part, 2u);
        query.x.d = of_query(at, now, part, 3u);
    }
    if (PART > 4u) {
        query.x.e = of_query(at, now, part, 4u);
        query.x.f = of_query(at, now, part, 5u);
    }
    if (PART > 6u) {
        query.x.g = of_query(at, now, part, 6u);
        query.x.h = of_query(at, now, part, 7u);
    }
    return query;
}

fn of_query(at: u32, position: u32, part: u32, j: u32) -> vec4<f32> {
    if (!inside(part, j)) { return vec4(0.0); }
    if (ROTARY) { return turned(queries[at + j], position, part + j); }
    return queries[at + j];
}

fn of_kept(at: u32, part: u32, j: u32) -> vec4<f32> {
    if (!inside(part, j)) { return vec4(0.0); }
    return ring[at + j];
}

fn of_fresh(at: u32, turns: bool, position: u32, part: u32, j: u32) -> vec4<f32> {
    if (!inside(part, j)) { return vec4(0.0); }
    if (ROTARY) {
        if (turns) { return turned(fresh[at + j], position, part + j); }
    }
    return fresh[at + j];
}

fn kept_part(at: u32, part: u32) -> Part {
    var x: Part;
    x.a = of_kept(at, part, 0u);
    if (PART > 1u) { x.b = of_kept(at, part, 1u); }
    if (PART > 2u) { x.c = of_kept(at, part, 2u); x.d = of_kept(at, part, 3u); }
    if (PART > 4u) { x.e = of_kept(at, part, 4u); x.f = of_kept(at, part, 5u); }
    if (PART > 6u) { x.g = of_kept(at, part, 6u); x.h = of_kept(at, part, 7u); }
    return x;
}

fn fresh_part(at: u32, turns: bool, position: u32, part: u32) -> Part {
    var x: Part;
    x.a = of_fresh(at, turns, position, part, 0u);
    if (PART > 1u) { x.b = of_fresh(at, turns, position, part, 1u); }
    if (PART > 2u) {
        x.c = of_fresh(at, turns, position, part, 2u);
        x.d = of_fresh(at, turns, position, part, 3u);
    }
    if (PART > 4u) {
        x.e = of_fresh(at, turns, position, part, 4u);
        x.f = of_fresh(at, turns, position, part, 5u);
    }
    if (PART > 6u) {
        x.g = of_fresh(at, turns, position, part, 6u);
        x.h = of_fresh(at, turns, position, part, 7u);
    }
    return x;
}

// Online softmax: takes a key and its value in, where the mask allows it. What a ring keeps has
// been looked at before and is finite, so there the weight 0 does, which is cheaper than a branch.
fn look(query: ptr<function, Query>, seen: Seen, b: u32, local: u32) {
    let score = sum_lanes(dot_parts((*query).x, seen.key), local) * sizes.scale;
    let allowed = (*query).t >= seen.since && (*query).t < seen.until;
    if (TRACE && (*query).exists && local % LANES == 0u && (allowed || !RING)) {
        maps[map_at(b, (*query).h, (*query).t) + seen.slot] = score;
    }
    if (!allowed && !seen.kept) { return; }
    // Either the maximum so far stays, or all before it shrinks: one exponential for both.
    let above = allowed && score > (*query).most;
    let factor = exp(-abs(score - (*query).most));
    let shrink = select(1.0, factor, above);
    let weight = select(0.0, select(factor, 1.0, above), allowed);
    (*query).most = select((*query).most, score, above);
    (*query).weight_sum = (*query).weight_sum * shrink + weight;
    (*query).total = mix_parts((*query).total, shrink, seen.value, weight);
}

// The context of a query, and its row of the traced maps.
fn store(query: Query, b: u32, now: u32, part: u32) {
    if (!query.exists) { return; }
    let at = ((b * sizes.T + query.t) * sizes.H + query.h) * K4 + part;
    let scale = 1.0 / query.weight_sum;
    if (inside(part, 0u)) { context[at] = query.total.a * scale; }
    if (inside(part, 1u)) { context[at + 1u] = query.total.b * scale; }
    if (inside(part, 2u)) { context[at + 2u] = query.total.c * scale; }
    if (inside(part, 3u)) { context[at + 3u] = query.total.d * scale; }
    if (inside(part, 4u)) { context[at + 4u] = query.total.e * scale; }
    if (inside(part, 5u)) { context[at + 5u] = query.total.f * scale; }
    if (inside(part, 6u)) { context[at + 6u] = query.total.g * scale; }
    if (inside(part, 7u)) { context[at + 7u] = query.total.h * scale; }
    if (TRACE && part == 0u) {
        let map = map_at(b, query.h, query.t);
        let plane = sizes.B * sizes.H * sizes.T * sizes.S;
        var held = sizes.S;  // slots that have a score
        var real = sizes.S;  // those of them that may weigh something
        if (RING) {
            held = min(now + query.t + 1u, sizes.S);
            if (!CAUSAL) { held = min(now + fresh_rows(b), sizes.S); }
        } else {
            if (CAUSAL) { held = min(query.t + 1u, sizes.S); }
            if (PADDED) { real = state[b]; }
        }
        for (var s = 0u; s < sizes.S; s++) {
            if (s >= held) { maps[map + s] = 0.0; }
            let weight = exp(maps[map + s] - query.most) * scale;
            maps[plane + map + s] = select(0.0, weight, s < min(held, real));
        }
    }
}

fn map_at(b: u32, h: u32, t: u32) -> u32 {
    return ((b * sizes.H + h) * sizes.T + t) * sizes.S;
}
