// Powers, logarithms and Gumbel noise to base 2 in integers, exact on every adapter. Polynomials
// by least squares, reweighted towards equal errors; `src/ops/fixed.rs` has the same.

// ⌊a · b / 2^32⌋
fn high(a: u32, b: u32) -> u32 {
    let middle = (a >> 16u) * (b & 0xffffu) + (((a & 0xffffu) * (b & 0xffffu)) >> 16u);
    let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
    return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}

// 2^28 · 2^octaves, for octaves ≤ 0 in steps of 2^-20; within 1e-7 of 2^28. Below 2^28, so that
// sums over 2^18 tokens fit in two words.
fn weight_of(octaves: i32) -> u32 {
    let down = u32(-octaves);
    let whole = down >> 20u;
    if (whole > 28u) { return 0u; }
    let t = down << 12u;
    let series = high(t, 118791687u - high(t, 19817784u - high(t, 2048769u)));
    let power = 0x80000000u - high(t, 1488516313u - high(t, 515797034u - series));
    return min((power + (4u << whole)) >> (3u + whole), 0xfffffffu);
}

// 2^24 · log2(x), for x ≥ 1; within 3e-7 of an octave.
fn log2_of(x: u32) -> u32 {
    let zeros = countLeadingZeros(x);
    let t = (x << zeros) << 1u;
    let tail = high(t, 417238584u - high(t, 170845003u - high(t, 33349107u)));
    let series = high(t, 1547445326u - high(t, 1016947020u - high(t, 699865638u - tail)));
    return ((31u - zeros) << 24u) + (high(t, 3098105563u - series) >> 7u);
}

// −log2(−ln(1 − h / 2^32)): Gumbel noise from even bits, in steps of 2^-20 octaves.
fn gumbel(even: u32) -> i32 {
    let h = max(even, 1u);
    if (h < 0x40000000u) {
        // −ln(1 − v) = v · 2^r, where r is smooth.
        let s = h << 2u;
        let r = high(s, 387244837u + high(s, 40578380u + high(s, 5379413u + high(s, 1763373u))));
        return i32((32u << 24u) - log2_of(h) - (r >> 7u)) >> 4u;
    }
    let exponential = (32u << 24u) - log2_of(0u - h);
    // log2(ln 2) = −8871227 / 2^24
    return (i32((24u << 24u) + 8871227u) - i32(log2_of(exponential))) >> 4u;
}

// What Gumbel noise from these bits is at most, in octaves.
fn gumbel_limit(even: u32) -> i32 {
    return i32(countLeadingZeros(max(even, 1u)) + 1u) << 20u;
}

// A bijection that spreads every bit over all (Wellons' lowbias32).
fn mixed(x: u32) -> u32 {
    var word = (x ^ (x >> 16u)) * 0x7feb352du;
    word = (word ^ (word >> 15u)) * 0x846ca68bu;
    return word ^ (word >> 16u);
}
