//! Rotary positions: pair i of a head turns by `position · θ^(−2i/K)`; the table of angles, and the twins' formula.

/// Positions of one half of the table.
const SPAN: usize = 1024;

/// Positions that a table covers.
pub const POSITIONS: u32 = (SPAN * SPAN) as u32;

/// Cosines and sines `[2, 1024, K/2, 2]` for heads of `width`: the angles of multiples of 1024, and
/// of what is left of them, so that f32 keeps its digits up to position 2^20.
pub fn table(width: u32, theta: f64) -> Vec<f32> {
    let angles = (0..width / 2).map(|i| theta.powf(-2.0 * f64::from(i) / f64::from(width)));
    let angles: Vec<f64> = angles.collect();
    let mut table = Vec::with_capacity(2 * SPAN * width as usize);
    for step in [SPAN, 1] {
        for index in 0..SPAN {
            for angle in &angles {
                let (sine, cosine) = ((index * step) as f64 * angle).sin_cos();
                table.extend([cosine as f32, sine as f32]);
            }
        }
    }
    table
}

/// A head as it is turned at a position.
pub(crate) fn turned(table: &[f32], position: u32, head: &[f32]) -> Vec<f32> {
    let position = position as usize;
    let row = |index: usize| &table[index * head.len()..][..head.len()];
    let [high, low] = [row(position / SPAN), row(SPAN + position % SPAN)];
    let pairs = head.chunks_exact(2).zip(high.chunks_exact(2).zip(low.chunks_exact(2)));
    let turn = |(x, (high, low)): (&[f32], (&[f32], &[f32]))| {
        let [a, b] = [x[0], x[1]].map(f64::from);
        let [[high_c, high_s], [low_c, low_s]] = [high, low].map(|t| [t[0], t[1]].map(f64::from));
        let (c, s) = (high_c * low_c - high_s * low_s, high_s * low_c + high_c * low_s);
        [(a * c - b * s) as f32, (a * s + b * c) as f32]
    };
    pairs.flat_map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_positions_keep_their_digits() {
        let table = table(8, 10_000.0);
        for position in [0, 1, 1023, 1024, 5000, POSITIONS - 1] {
            let head = turned(&table, position, &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
            for (i, pair) in head.chunks(2).enumerate() {
                let angle = f64::from(position) * 10_000f64.powf(-(i as f64) / 4.0);
                assert!((f64::from(pair[0]) - angle.cos()).abs() < 3e-7, "cosine at {position}");
                assert!((f64::from(pair[1]) - angle.sin()).abs() < 3e-7, "sine at {position}");
            }
        }
    }
}
