//! The k largest logits of each part of a row, with the part's maximum and `Σ exp(logit − maximum)`.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::recording::Dispatch;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "top_k",
    wgsl: &[include_str!("../../shaders/top_k.wgsl")],
    bindings: &[("logits", Access::Read), ("best", Access::Write)],
    sizes: &[("V", Word::U32), ("k", Word::U32), ("suppressed", Word::U32)],
    constants: &["WORKGROUP", "LANES"],
    sized: &[],
    reduces: true,
    twin,
    fast: None,
};

/// Words of a part: maximum, sum, k logits, k ids.
pub(crate) fn part_words(best: u32) -> u32 {
    2 + 2 * best
}

impl Tape {
    /// `logits` `[.., V]` give `[B, P, 2 + 2k]`: for each of P parts of a row its maximum, its
    /// `Σ exp`, and its k best logits and ids. `suppressed` counts as impossible.
    pub fn top_k(&mut self, logits: Tensor, best: u32, suppressed: Option<u32>) -> Tensor {
        let vocabulary = logits.width();
        assert!((1..=vocabulary).contains(&best), "top_k: {best} of {vocabulary}");
        let parts = self.tuning.choice_parts.min(vocabulary.div_ceil(best));
        let y = self.activation(&[logits.rows(), parts, part_words(best)]);
        let workgroup = self.tuning.workgroup;
        self.dispatch(
            Dispatch::new(&KERNEL, [("logits", logits), ("best", y)])
                .sizes([
                    ("V", vocabulary.into()),
                    ("k", best.into()),
                    ("suppressed", suppressed.unwrap_or(vocabulary).into()),
                ])
                .constants([("WORKGROUP", workgroup.into()), ("LANES", workgroup.into())])
                .grid([parts, logits.rows(), 1]),
        );
        y
    }
}

/// Logits and ids, the greatest first and of equal ones the lower id.
pub(crate) fn sort(pairs: &mut [(f32, u32)]) {
    // Adding 0 makes one of both zeros, which are equal to a GPU.
    let compare = |a: f32, b: f32| (a + 0.0).total_cmp(&(b + 0.0));
    pairs.sort_by(|a, b| compare(b.0, a.0).then(a.1.cmp(&b.1)));
}

fn twin(call: &Call) {
    let [vocabulary, k, suppressed] = ["V", "k", "suppressed"].map(|size| call.size(size));
    let logits = call.values("logits");
    let mut best = call.words_mut("best");
    let batch = logits.len() / vocabulary;
    let width = part_words(k as u32) as usize;
    let parts = best.len() / width / batch.max(1);
    let size = vocabulary.div_ceil(parts);
    for (index, out) in best.chunks_exact_mut(width).take(batch * parts).enumerate() {
        let row = &logits[index / parts * vocabulary..][..vocabulary];
        let first = (index % parts * size).min(row.len());
        let part = &row[first..(first + size).min(row.len())];
        let ids = (first as u32..).zip(part).map(|(id, logit)| (*logit, id));
        let mut pairs: Vec<(f32, u32)> = ids.filter(|(_, id)| *id != suppressed as u32).collect();
        let most = pairs.iter().map(|(logit, _)| *logit).fold(-1e38, f32::max);
        let sum: f64 = pairs.iter().map(|(logit, _)| f64::from(logit - most).exp()).sum();
        sort(&mut pairs);
        pairs.resize(k, (-1e38, vocabulary as u32));
        out[0] = most.to_bits();
        out[1] = (sum as f32).to_bits();
        for (i, (logit, id)) in pairs.into_iter().enumerate() {
            out[2 + i] = logit.to_bits();
            out[2 + k + i] = id;
        }
    }
}
