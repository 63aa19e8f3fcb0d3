//! Draws a token: repetition penalty, temperature, top-k, top-p and min-p over the whole vocabulary, then a race of Gumbel noise keyed by seed, position and token over what is left.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::fixed::{gumbel, high, mixed, weight_of};
use crate::ops::sampling::{DRAWN, PARAMETERS, SEEN, Sampler, View, draw_words};
use crate::recording::Dispatch;
use crate::step_state::{self, POSITIONS, TOKENS};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "sample",
    wgsl: &[
        include_str!("../../shaders/sample.wgsl"),
        include_str!("../../shaders/lib/sampling.wgsl"),
        include_str!("../../shaders/lib/fixed.wgsl"),
        step_state::WGSL,
    ],
    bindings: &[
        ("logits", Access::Read),
        ("state", Access::Read),
        ("sampling", Access::Read),
        ("draw", Access::Write),
    ],
    sizes: &[("B", Word::U32), ("V", Word::U32)],
    constants: &["WORKGROUP"],
    sized: &[],
    reduces: false,
    twin,
    fast: None,
};

/// Sums of weights fit in two words up to here.
const MOST_TOKENS: u32 = 1 << 18;

impl Tape {
    /// Draws a token for each row of `logits` `[.., V]` of the step that `state` describes, as
    /// `sampler` asks, and leaves in it the token and what `choose` needs to tell chances.
    pub fn sample(&mut self, logits: Tensor, state: Tensor, sampler: Sampler) {
        let [batch, vocabulary] = [logits.rows(), logits.width()];
        assert!(vocabulary <= MOST_TOKENS, "sample: {vocabulary} tokens, at most {MOST_TOKENS}");
        let Sampler { sampling, draw } = sampler;
        assert_eq!(sampling.shape(), [batch, PARAMETERS], "sample: parameters");
        assert_eq!(draw.shape(), [batch, draw_words(vocabulary)], "sample: outcomes");
        let dispatch = Dispatch::new(
            &KERNEL,
            [("logits", logits), ("state", state), ("sampling", sampling), ("draw", draw)],
        );
        self.dispatch(
            dispatch
                .sizes([("B", batch.into()), ("V", vocabulary.into())])
                .constants([("WORKGROUP", self.tuning.sampling_lanes.into())])
                .grid([batch, 1, 1]),
        );
    }
}

fn twin(call: &Call) {
    let [batch, vocabulary] = [call.size("B"), call.size("V")];
    let [state, sampling] = [call.words("state"), call.words("sampling")];
    let words = draw_words(vocabulary as u32) as usize;
    let mut draw = call.words_mut("draw");
    for b in 0..batch {
        let logits = &call.values("logits")[b * vocabulary..][..vocabulary];
        let [input, position] =
            [TOKENS, POSITIONS].map(|list| state[step_state::at(list, b, batch)]);
        draw[b * words + (SEEN + input / 32) as usize] |= 1 << (input % 32);
        let outcome = drawn(logits, &View::of(&sampling, &draw, b, vocabulary), position);
        draw[b * words + DRAWN..][..5].copy_from_slice(&outcome);
    }
}

/// The token; the greatest key and the least that is left; the mass of what is left, in two words.
fn drawn(logits: &[f32], view: &View, position: u32) -> [u32; 5] {
    let keys: Vec<u32> = logits.iter().enumerate().map(|(id, l)| view.key_of(id, *l)).collect();
    let greatest = keys.iter().copied().max().unwrap_or(0);
    let least = least_kept(view, &keys, greatest);
    let greedy = view.steps() == 0.0;
    let one = mixed(view.parameters[6]);
    let two = mixed(one.wrapping_add(position));
    let mut mass = [0, 0];
    let mut best = (i32::MIN, 0);
    for (id, key) in (0..).zip(keys) {
        let Some(octaves) = view.left(key, least, greatest) else { continue };
        let weight = weight_of(octaves);
        mass[0] += weight >> 14;
        mass[1] += weight & 0x3fff;
        let noise = if greedy { 0 } else { gumbel(mixed(mixed(two.wrapping_add(id)) ^ one)) };
        let score = octaves + noise;
        if score > best.0 {
            best = (score, id);
        }
    }
    [best.1, greatest, least, mass[0], mass[1]]
}

/// The least key that top-k and top-p leave.
fn least_kept(view: &View, keys: &[u32], greatest: u32) -> u32 {
    if view.steps() == 0.0 {
        return greatest;
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let [_, top_k, top_p, ..] = *view.parameters else { unreachable!("sampling has 8 words") };
    let mut least = 0;
    if (top_k as usize) < sorted.len() {
        least = sorted[top_k as usize - 1];
        sorted.retain(|key| *key >= least);
    }
    if top_p < u32::MAX {
        let weights = sorted.iter().map(|key| weight_of(view.octaves_of(*key, greatest)));
        let total: u64 = weights.clone().map(u64::from).sum();
        // As the kernel multiplies, in words.
        let (upper, lower) = ((total >> 14) as u32, (total & 0x3fff) as u32);
        let rest = (upper.wrapping_mul(top_p) >> 18) + high(lower, top_p);
        let wanted = ((u64::from(high(upper, top_p)) << 14) + u64::from(rest)).max(1);
        let mut sum = 0;
        let crosses = weights.into_iter().position(|weight| {
            sum += u64::from(weight);
            sum >= wanted
        });
        least = crosses.map_or(least, |index| sorted[index]);
    }
    least
}
