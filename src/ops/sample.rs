//! Draws a token: repetition penalty, temperature, top-k, top-p and min-p over the whole vocabulary, then a race of Gumbel noise keyed by seed, position and token over what is left.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel, floats};
use crate::ops::choose::{POSITION, TOKENS};
use crate::ops::fixed::{gumbel, high, mixed, weight_of};
use crate::ops::sampling::{DRAWN, PARAMETERS, SEEN, Sampler, View};
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "sample",
    wgsl: &[
        include_str!("../../shaders/sample.wgsl"),
        include_str!("../../shaders/lib/sampling.wgsl"),
        include_str!("../../shaders/lib/fixed.wgsl"),
        include_str!("../../shaders/lib/step_state.wgsl"),
    ],
    bindings: &[
        ("logits", Access::Read),
        ("state", Access::Read),
        ("sampling", Access::Read),
        ("draw", Access::Write),
    ],
    constants: &["WORKGROUP"],
    sized: &[],
    reduces: false,
    twin,
};

/// Sums of weights fit in two words up to here.
const MOST_TOKENS: u32 = 1 << 18;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    vocabulary: u32,
}

impl Tape {
    /// Draws a token from `logits` `[1, .., V]` of the step that `state` describes, as `sampler`
    /// asks, and leaves in it the token and what `choose` needs to tell candidates' chances.
    pub fn sample(&mut self, logits: Tensor, state: Tensor, sampler: Sampler) {
        let vocabulary = logits.width();
        assert_eq!(logits.rows(), 1, "sample: one row of logits, not {:?}", logits.shape());
        assert!(vocabulary <= MOST_TOKENS, "sample: {vocabulary} tokens, at most {MOST_TOKENS}");
        let Sampler { sampling, draw } = sampler;
        assert_eq!(sampling.len(), PARAMETERS, "sample: parameters {:?}", sampling.shape());
        let words = SEEN + vocabulary.div_ceil(32);
        assert_eq!(draw.len(), words, "sample: {:?} for {vocabulary} tokens", draw.shape());
        self.dispatch(Dispatch {
            kernel: &KERNEL,
            constants: vec![("WORKGROUP", f64::from(self.tuning.sampling_lanes))],
            sizes: bytemuck::cast_slice(&[Sizes { vocabulary }]).to_vec(),
            tensors: vec![logits, state, sampling, draw],
            grid: [1, 1, 1],
        });
    }
}

fn twin(call: &mut Call) {
    let Sizes { vocabulary } = call.sizes();
    let [logits, state, sampling, draw] = &mut call.buffers[..] else {
        unreachable!("sample has four bindings")
    };
    let logits = &floats(logits)[..vocabulary as usize];
    let input = state[TOKENS];
    draw[(SEEN + input / 32) as usize] |= 1 << (input % 32);
    let view = View { parameters: sampling, draw };
    let keys: Vec<u32> = logits.iter().enumerate().map(|(id, l)| view.key_of(id, *l)).collect();
    let greatest = keys.iter().copied().max().unwrap_or(0);
    let least = least_kept(&view, &keys, greatest);

    let greedy = view.steps() == 0.0;
    let one = mixed(sampling[6]);
    let two = mixed(one.wrapping_add(state[POSITION]));
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
    draw[DRAWN..5].copy_from_slice(&[best.1, greatest, least, mass[0], mass[1]]);
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
