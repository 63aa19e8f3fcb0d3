//! Powers, logarithms and Gumbel noise to base 2 in integers, exact on every adapter.
//! `shaders/lib/fixed.wgsl` has the same, and says why each bound holds.

/// ⌊a · b / 2^32⌋
pub(crate) fn high(a: u32, b: u32) -> u32 {
    ((u64::from(a) * u64::from(b)) >> 32) as u32
}

/// 2^28 · 2^octaves, for octaves ≤ 0 in steps of 2^-20; less than 2^28.
pub(crate) fn weight_of(octaves: i32) -> u32 {
    let down = octaves.unsigned_abs();
    let whole = down >> 20;
    if whole > 28 {
        return 0;
    }
    let t = down << 12;
    let series = high(t, 118_791_687 - high(t, 19_817_784 - high(t, 2_048_769)));
    let power = 0x8000_0000 - high(t, 1_488_516_313 - high(t, 515_797_034 - series));
    ((power + (4 << whole)) >> (3 + whole)).min(0xfff_ffff)
}

/// 2^24 · log2(x), for x ≥ 1.
fn log2_of(x: u32) -> u32 {
    let zeros = x.leading_zeros();
    let t = x << zeros << 1;
    let tail = high(t, 417_238_584 - high(t, 170_845_003 - high(t, 33_349_107)));
    let series = high(t, 1_547_445_326 - high(t, 1_016_947_020 - high(t, 699_865_638 - tail)));
    ((31 - zeros) << 24) + (high(t, 3_098_105_563 - series) >> 7)
}

/// −log2(−ln(1 − h / 2^32)): Gumbel noise from even bits, in steps of 2^-20 octaves.
pub(crate) fn gumbel(even: u32) -> i32 {
    let h = even.max(1);
    if h < 0x4000_0000 {
        let s = h << 2;
        let tail = high(s, 5_379_413 + high(s, 1_763_373));
        let r = high(s, 387_244_837 + high(s, 40_578_380 + tail));
        return ((32 << 24) - log2_of(h) as i32 - (r >> 7) as i32) >> 4;
    }
    let exponential = (32 << 24) - log2_of(h.wrapping_neg());
    ((24 << 24) + 8_871_227 - log2_of(exponential) as i32) >> 4
}

/// A bijection that spreads every bit over all (Wellons' lowbias32).
pub(crate) fn mixed(x: u32) -> u32 {
    let word = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let word = (word ^ (word >> 15)).wrapping_mul(0x846c_a68b);
    word ^ (word >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words h of which both ends and much between are tried.
    fn words() -> impl Iterator<Item = u32> {
        let ends = (0..32).flat_map(|bit| [1u32 << bit, (1 << bit) + 1, u32::MAX >> bit]);
        ends.chain((1..100_000).map(mixed))
    }

    #[test]
    fn weights_are_powers() {
        for octaves in (0..(30 << 20)).step_by(997).chain([0, 1, (1 << 20) - 1, 1 << 20]) {
            let exact = 268_435_456.0 * (f64::from(-octaves) / 1_048_576.0).exp2();
            let found = f64::from(weight_of(-octaves));
            assert!((found - exact).abs() <= 1.5 + 2e-7 * exact, "{octaves}: {found}, {exact}");
        }
        assert_eq!(weight_of(-(1 << 30)), 0);
    }

    #[test]
    fn noise_is_that_of_gumbel() {
        for h in words() {
            let exact = -(-(-f64::from(h) / 4_294_967_296.0).ln_1p()).log2();
            let found = f64::from(gumbel(h)) / 1_048_576.0;
            assert!((found - exact).abs() < 2.5e-6, "{h}: {found}, {exact}");
            let limit = h.leading_zeros() + 1;
            assert!(gumbel(h) <= (limit << 20) as i32, "{h}: above its limit");
        }
        assert_eq!(gumbel(0), gumbel(1));
    }
}
