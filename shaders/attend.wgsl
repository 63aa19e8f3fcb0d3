// Attention in the open, a stage at a time: scores q · k / √K, their masked softmax, then the weighted sum of the values.
// For whoever changes scores or weights on their way, and for whoever wants to read how it goes:
// `attention` does all three at once and stores neither.

override WORKGROUP: u32;
override STAGE: u32;            // 0 scores, 1 softmax, 2 sum
override K: u32;                // width of a head
override RING: bool = false;    // keys are in a ring, and in fresh rows behind what it holds
override STEP: bool = false;    // the only fresh row is in the ring already
override CAUSAL: bool = false;  // no key of a later position
override PADDED: bool = false;  // no key beyond the length of a sentence

struct Sizes {
    B: u32, H: u32, G: u32, T: u32, S: u32,   // S keys a sentence, or slots of its ring
    sinks: u32,
    query_row: u32, fresh_row: u32,           // words from row to row
    query: u32, key: u32, value: u32,         // words from the start of a row
    scale: f32,
}

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       queries: array<f32>;  // [B, T, query_row]
@group(0) @binding(2) var<storage, read>       fresh: array<f32>;    // [B, S or T, fresh_row]
@group(0) @binding(3) var<storage, read>       state: array<u32>;    // StepState, or lengths [B]
@group(0) @binding(4) var<storage, read>       ring: array<f32>;     // [B, S, 2, G, K]
@group(0) @binding(5) var<storage, read_write> context: array<f32>;  // [B, T, H, K]
@group(0) @binding(6) var<storage, read_write> maps: array<f32>;     // [2, B, H, T, S] scores, weights

const NOTHING = 0xffffffffu;

// The key that query t of sentence b finds in column s: its position, or NOTHING.
fn key_at(b: u32, t: u32, s: u32) -> u32 {
    if (!RING) { return select(s, NOTHING, CAUSAL && s > t); }
    let now = state[state_word(STATE_POSITIONS, b, sizes.B)];
    var last = now + t;
    if (!CAUSAL) { last = now + clamp(state[state_word(STATE_FRESH, b, sizes.B)], 1u, sizes.T) - 1u; }
    if (last < s) { return NOTHING; }
    if (s < sizes.sinks) { return s; }
    // The last position that has the slot.
    return last - (last - s) % (sizes.S - sizes.sinks);
}

// Whether a key that is there may weigh something.
fn is_real(b: u32, s: u32) -> bool {
    return !PADDED || s < state[b];
}

// Word k of the key, or of the value, of group g at a position.
fn word(b: u32, g: u32, position: u32, s: u32, k: u32, is_value: bool) -> f32 {
    var row = b * sizes.S + position;
    if (RING) {
        let now = state[state_word(STATE_POSITIONS, b, sizes.B)];
        if (STEP || position < now) {
            return ring[((b * sizes.S + s) * 2u + u32(is_value)) * sizes.G * K + g * K + k];
        }
        row = b * sizes.T + position - now;
    }
    return fresh[row * sizes.fresh_row + select(sizes.key, sizes.value, is_value) + g * K + k];
}

@compute @workgroup_size(WORKGROUP)
fn attend(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let maps_rows = sizes.B * sizes.H * sizes.T;
    let items = select(maps_rows * select(K, sizes.S, STAGE == 0u), maps_rows, STAGE == 1u);
    for (var item = id.x; item < items; item += groups.x * WORKGROUP) {
        if (STAGE == 0u) { score(item); }
        if (STAGE == 1u) { weigh(item); }
        if (STAGE == 2u) { mix(item); }
    }
}

fn score(item: u32) {
    let s = item % sizes.S;
    let t = item / sizes.S % sizes.T;
    let h = item / sizes.S / sizes.T % sizes.H;
    let b = item / sizes.S / sizes.T / sizes.H;
    let position = key_at(b, t, s);
    var total = 0.0;
    if (position != NOTHING) {
        let query = (b * sizes.T + t) * sizes.query_row + sizes.query + h * K;
        let g = h / (sizes.H / sizes.G);
        for (var k = 0u; k < K; k++) {
            total += queries[query + k] * word(b, g, position, s, k, false);
        }
    }
    maps[item] = total * sizes.scale;
}

fn weigh(row: u32) {
    let plane = sizes.B * sizes.H * sizes.T * sizes.S;
    let t = row % sizes.T;
    let b = row / sizes.T / sizes.H;
    var most = -1e30;
    for (var s = 0u; s < sizes.S; s++) {
        if (key_at(b, t, s) != NOTHING && is_real(b, s)) { most = max(most, maps[row * sizes.S + s]); }
    }
    var sum = 0.0;
    for (var s = 0u; s < sizes.S; s++) {
        var weight = 0.0;
        if (key_at(b, t, s) != NOTHING && is_real(b, s)) {
            weight = exp(maps[row * sizes.S + s] - most);
        }
        maps[plane + row * sizes.S + s] = weight;
        sum += weight;
    }
    for (var s = 0u; s < sizes.S; s++) { maps[plane + row * sizes.S + s] /= sum; }
}

fn mix(item: u32) {
    let plane = sizes.B * sizes.H * sizes.T * sizes.S;
    let k = item % K;
    let h = item / K % sizes.H;
    let t = item / K / sizes.H % sizes.T;
    let b = item / K / sizes.H / sizes.T;
    let map = plane + ((b * sizes.H + h) * sizes.T + t) * sizes.S;
    let g = h / (sizes.H / sizes.G);
    var total = 0.0;
    for (var s = 0u; s < sizes.S; s++) {
        let position = key_at(b, t, s);
        // Changed weights may be anything, but a key that nobody sees is none.
        if (position != NOTHING && is_real(b, s)) {
            total += maps[map + s] * word(b, g, position, s, k, true);
        }
    }
    context[item] = total;
}
