// Sampling's parameters and outcome, and what repetition, temperature and cuts make of a logit.
// `src/ops/sampling.rs` has the same lists. All that decides is done in integers, so that every
// adapter and the CPU draw the same token.

// Words of a row of `sampling`, which the host writes.
const OCTAVES = 0u;  // f32: steps of 2^-20 octaves a unit of a logit; 0 takes the best token
const TOP_K = 1u;    // tokens kept at most, but for ties
const TOP_P = 2u;    // in 2^-32; all ones keep everything
const MIN_P = 3u;    // in steps of 2^-20 octaves below the best
const PENALTY = 4u;  // f32: what a seen token's negative logit is multiplied with
const REWARD = 5u;   // f32: and a positive one
const SEED = 6u;

// Words of a row of `draw`, which the kernel `sample` writes.
const DRAWN = 0u;     // the token
const GREATEST = 1u;  // key of the best token
const LEAST = 2u;     // key of the last token that top-k and top-p leave
const MASS = 3u;      // two words: Σ 2^28 · 2^octaves over what is left, as high · 2^14 + low
const SEEN = 8u;      // from here on a bit for each token that went in

const UNIT = 1048576.0;  // steps an octave

// A parameter of row `b`.
fn sampling_word(parameter: u32, b: u32) -> u32 {
    return b * 8u + parameter;
}

// Where the outcome of row `b` begins.
fn draw_row(b: u32, vocabulary: u32) -> u32 {
    return b * (SEEN + (vocabulary + 31u) / 32u);
}

// A key is greater where the logit is, repetition penalised; both zeros are equal.
fn key_of(b: u32, id: u32, logit: f32) -> u32 {
    var value = logit;
    if (((draw[draw_row(b, sizes.V) + SEEN + id / 32u] >> (id % 32u)) & 1u) == 1u) {
        let factor = sampling[sampling_word(select(REWARD, PENALTY, logit < 0.0), b)];
        value *= bitcast<f32>(factor);
    }
    let bits = bitcast<u32>(select(value, 0.0, value == 0.0));
    return select(bits | 0x80000000u, ~bits, bits >> 31u == 1u);
}

fn value_of(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 0x7fffffffu, key >> 31u == 1u));
}

// log2 of a token's probability over the best one's, in steps of 2^-20, not above 0.
fn octaves_of(b: u32, key: u32, greatest: u32) -> i32 {
    let unit = bitcast<f32>(sampling[sampling_word(OCTAVES, b)]);
    return i32(max((value_of(key) - value_of(greatest)) * unit, -0x1p30));
}

// Whether min-p leaves a token that is so far below the best one.
fn min_p_leaves(b: u32, octaves: i32) -> bool {
    return u32(-octaves) <= sampling[sampling_word(MIN_P, b)];
}
