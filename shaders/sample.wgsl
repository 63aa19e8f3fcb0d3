// Draws a token: repetition penalty, temperature, top-k, top-p and min-p over the whole vocabulary,
// then a race of Gumbel noise keyed by seed, position and token over what is left.

override WORKGROUP: u32;

struct Sizes { B: u32, V: u32 }

@group(0) @binding(0) var<uniform>             sizes: Sizes;
@group(0) @binding(1) var<storage, read>       logits: array<f32>;    // [B, V]
@group(0) @binding(2) var<storage, read>       state: array<u32>;     // StepState
@group(0) @binding(3) var<storage, read>       sampling: array<u32>;  // [B, 8] parameters
@group(0) @binding(4) var<storage, read_write> draw: array<u32>;      // [B, 8 + V/32] outcome, seen

// Integer atomics: their order is of no matter to any sum.
var<workgroup> greatest: atomic<u32>;
var<workgroup> high_bins: array<atomic<u32>, 256>;
var<workgroup> low_bins: array<atomic<u32>, 256>;
var<workgroup> found: u32;
var<workgroup> high_mass: atomic<u32>;
var<workgroup> low_mass: atomic<u32>;
var<workgroup> best_score: atomic<u32>;
var<workgroup> winner: atomic<u32>;

@compute @workgroup_size(WORKGROUP)
fn sample(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let b = group.x;
    let out = draw_row(b, sizes.V);
    let input = state[state_word(STATE_TOKENS, b, sizes.B)];
    if (local == 0u) { draw[out + SEEN + input / 32u] |= 1u << (input % 32u); }
    storageBarrier();
    var own = 0u;
    for (var id = local; id < sizes.V; id += WORKGROUP) {
        own = max(own, key_of(b, id, logit_of(b, id)));
    }
    atomicMax(&greatest, own);
    workgroupBarrier();
    let top = atomicLoad(&greatest);
    var least = 0u;
    if (bitcast<f32>(sampling[sampling_word(OCTAVES, b)]) == 0.0) {
        least = top;
    } else {
        if (sampling[sampling_word(TOP_K, b)] < sizes.V) {
            least = last_kept(b, false, least, top, local);
        }
        if (sampling[sampling_word(TOP_P, b)] != 0xffffffffu) {
            least = last_kept(b, true, least, top, local);
        }
    }
    race(b, least, top, local);
    if (local == 0u) {
        draw[out + DRAWN] = sizes.V - atomicLoad(&winner);
        draw[out + GREATEST] = top;
        draw[out + LEAST] = least;
        draw[out + MASS] = atomicLoad(&high_mass);
        draw[out + MASS + 1u] = atomicLoad(&low_mass);
    }
}

fn logit_of(b: u32, id: u32) -> f32 {
    return logits[b * sizes.V + id];
}

// The greatest key above which lies less than what top-k (a token counts 1) or top-p (its weight)
// wants; found digit by digit, from a histogram of the keys that agree so far.
fn last_kept(b: u32, weighted: bool, least: u32, top: u32, local: u32) -> u32 {
    var wanted = carried(vec2(0u, sampling[sampling_word(TOP_K, b)]));
    var prefix = 0u;
    for (var digit = 0u; digit < 4u; digit++) {
        let shift = 24u - 8u * digit;
        for (var bin = local; bin < 256u; bin += WORKGROUP) {
            atomicStore(&high_bins[bin], 0u);
            atomicStore(&low_bins[bin], 0u);
        }
        workgroupBarrier();
        for (var id = local; id < sizes.V; id += WORKGROUP) {
            let key = key_of(b, id, logit_of(b, id));
            // Shifted twice, since shifting by 32 is shifting by 0.
            if (key >= least && ((key ^ prefix) >> shift) >> 8u == 0u) {
                var weight = 1u;
                if (weighted) { weight = weight_of(octaves_of(b, key, top)); }
                let bin = (key >> shift) & 255u;
                atomicAdd(&high_bins[bin], weight >> 14u);
                atomicAdd(&low_bins[bin], weight & 0x3fffu);
            }
        }
        workgroupBarrier();
        if (local == 0u) {
            if (weighted && digit == 0u) { wanted = share_of_all(sampling[sampling_word(TOP_P, b)]); }
            var bin = 255u;
            for (; bin > 0u; bin--) {
                let sum = bin_sum(bin);
                if (sum.x > wanted.x || (sum.x == wanted.x && sum.y >= wanted.y)) { break; }
                wanted -= sum;
                // What the low word borrows: 2^14 of it are one of the high word.
                if (wanted.y >> 31u == 1u) { wanted += vec2(0xffffffffu, 0x4000u); }
            }
            found = prefix | (bin << shift);
        }
        prefix = workgroupUniformLoad(&found);
    }
    return prefix;
}

// A pair of words stands for high · 2^14 + low; this makes low less than 2^14.
fn carried(pair: vec2<u32>) -> vec2<u32> {
    return vec2(pair.x + (pair.y >> 14u), pair.y & 0x3fffu);
}

fn bin_sum(bin: u32) -> vec2<u32> {
    return carried(vec2(atomicLoad(&high_bins[bin]), atomicLoad(&low_bins[bin])));
}

// What is in all bins times `share` / 2^32, at least 1.
fn share_of_all(share: u32) -> vec2<u32> {
    var total = vec2(0u);
    for (var bin = 0u; bin < 256u; bin++) { total = carried(total + bin_sum(bin)); }
    let low = ((total.x * share) >> 18u) + high(total.y, share);
    let part = carried(vec2(high(total.x, share), low));
    return select(part, vec2(0u, 1u), all(part == vec2(0u)));
}

// The token whose log-probability and noise together are the greatest; of equal ones the first.
fn race(b: u32, least: u32, top: u32, local: u32) {
    let greedy = bitcast<f32>(sampling[sampling_word(OCTAVES, b)]) == 0.0;
    let one = mixed(sampling[sampling_word(SEED, b)]);
    let two = mixed(one + state[state_word(STATE_POSITIONS, b, sizes.B)]);
    var sum = vec2(0u);
    var score = -0x7fffffff;
    var first = sizes.V;
    for (var id = local; id < sizes.V; id += WORKGROUP) {
        let key = key_of(b, id, logit_of(b, id));
        if (key < least) { continue; }
        let octaves = octaves_of(b, key, top);
        if (!min_p_leaves(b, octaves)) { continue; }
        let weight = weight_of(octaves);
        sum += vec2(weight >> 14u, weight & 0x3fffu);
        let even = mixed(mixed(id + two) ^ one);
        if (octaves + gumbel_limit(even) <= score) { continue; }
        let noisy = octaves + select(gumbel(even), 0, greedy);
        if (noisy > score) {
            score = noisy;
            first = id;
        }
    }
    atomicAdd(&high_mass, sum.x);
    atomicAdd(&low_mass, sum.y);
    let ordered = bitcast<u32>(score) ^ 0x80000000u;
    atomicMax(&best_score, ordered);
    workgroupBarrier();
    if (ordered == atomicLoad(&best_score)) { atomicMax(&winner, sizes.V - first); }
    workgroupBarrier();
}
