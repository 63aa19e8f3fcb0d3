//! The choice: merges the best tokens of all parts of each row, writes the step's results, and advances StepState.

use bytemuck::{Pod, Zeroable};

use crate::kernel::{Access, Call, Kernel, floats, floats_mut};
use crate::ops::sampling::{DRAWN, Sampler, View};
use crate::ops::top_k::{part_words, sort};
use crate::site::Site;
use crate::tape::{Dispatch, Tape, Tensor};

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "choose",
    wgsl: &[
        include_str!("../../shaders/choose.wgsl"),
        include_str!("../../shaders/lib/step_state.wgsl"),
        include_str!("../../shaders/lib/sampling.wgsl"),
    ],
    bindings: &[
        ("best", Access::Read),
        ("logits", Access::Read),
        ("state", Access::Write),
        ("results", Access::Write),
        ("probabilities", Access::Write),
        ("sampling", Access::Read),
        ("draw", Access::Read),
    ],
    constants: &["WORKGROUP", "LANES", "TRACE", "SAMPLED"],
    sized: &[],
    reduces: true,
    twin,
};

/// Word of StepState with the position of the token that goes in next.
pub const POSITION: usize = 0;
/// Word of StepState with the number of sentences that have not ended.
pub const ALIVE: usize = 1;
/// First word of StepState with the tokens that go in next, `[B]`; then `[B]` 1 where ended.
pub const TOKENS: usize = 4;

/// StepState before the first step of a batch.
pub fn first_state(batch: u32, start_token: u32) -> Vec<u32> {
    let mut state = vec![0, batch, 0, 0];
    state.extend((0..batch).map(|_| start_token));
    state.extend((0..batch).map(|_| 0));
    state
}

/// Words that a step writes for a sentence: input token, 1 if the sentence had ended before; the
/// token, its log-probability and its chance; k ids, k log-probabilities, k chances. A chance is
/// the probability with which a token is taken, after repetition penalty, temperature and cuts.
pub fn result_words(best: u32) -> u32 {
    5 + 3 * best
}

/// What the choice needs besides logits.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// k
    pub best: u32,
    /// The token that ends a sentence.
    pub end: u32,
    /// The token that follows the end.
    pub pad: u32,
    /// Whether `pad` is impossible before the end.
    pub bans_padding: bool,
    /// StepState.
    pub state: Tensor,
    /// `[R, B, 5 + 3k]`: the row of a step is its position modulo R.
    pub results: Tensor,
    /// Where the token is drawn; else it is the best one.
    pub sampler: Option<Sampler>,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Sizes {
    batch: u32,
    vocabulary: u32,
    parts: u32,
    best: u32,
    end: u32,
    pad: u32,
    suppressed: u32,
    steps: u32,
}

impl Tape {
    /// Chooses the best token of each row of `logits` `[.., V]`, or draws one where there is a
    /// sampler, and advances StepState.
    pub fn choose(&mut self, logits: Tensor, choice: Choice) {
        let Choice { best, end, pad, bans_padding, state, results, sampler } = choice;
        let suppressed = bans_padding.then_some(pad);
        let candidates = self.top_k(logits, best, suppressed);
        if let Some(sampler) = sampler {
            assert!(!bans_padding, "choose: a sampler bans no token");
            self.sample(logits, state, sampler);
        }
        let nothing = Sampler { sampling: Tensor::NOTHING, draw: Tensor::NOTHING };
        let Sampler { sampling, draw } = sampler.unwrap_or(nothing);
        let traced = self.wants(Site::Probabilities);
        let probabilities = self.activation_if(traced, &[logits.rows(), logits.width()]);
        let sizes = Sizes {
            batch: logits.rows(),
            vocabulary: logits.width(),
            parts: candidates.shape()[1],
            best,
            end,
            pad,
            suppressed: suppressed.unwrap_or(logits.width()),
            steps: results.shape()[0],
        };
        let workgroup = f64::from(self.tuning.workgroup);
        self.dispatch(Dispatch {
            kernel: &KERNEL,
            constants: vec![
                ("WORKGROUP", workgroup),
                ("LANES", workgroup),
                ("TRACE", f64::from(traced)),
                ("SAMPLED", f64::from(sampler.is_some())),
            ],
            sizes: bytemuck::cast_slice(&[sizes]).to_vec(),
            tensors: vec![candidates, logits, state, results, probabilities, sampling, draw],
            grid: [1, 1, 1],
        });
        if traced {
            self.trace(Site::Probabilities, probabilities);
        }
    }
}

fn twin(call: &mut Call) {
    let Sizes { batch, vocabulary, parts, best, end, pad, suppressed, steps } = call.sizes();
    let [traced, sampled] = ["TRACE", "SAMPLED"].map(|switch| call.on(switch));
    let [candidates, logits, state, results, probabilities, sampling, draw] = &mut call.buffers[..]
    else {
        unreachable!("choose has seven bindings")
    };
    let view = sampled.then(|| View { parameters: sampling, draw });
    let [width, row_width] = [part_words(best), result_words(best)].map(|words| words as usize);
    let k = best as usize;
    let position = (state[POSITION] % steps) as usize;
    for b in 0..batch as usize {
        let part = |p: usize| &candidates[(b * parts as usize + p) * width..][..width];
        let all = (0..parts as usize).map(part);
        let most = all.clone().map(|part| f32::from_bits(part[0])).fold(f32::MIN, f32::max);
        let sum = all.clone().map(|part| {
            let [maximum, sum] = [part[0], part[1]].map(|word| f64::from(f32::from_bits(word)));
            sum * (maximum - f64::from(most)).exp()
        });
        let log_sum = f64::from(most) + sum.sum::<f64>().ln();
        let pairs = all.flat_map(|part| {
            part[2..2 + k]
                .iter()
                .zip(&part[2 + k..])
                .map(|(logit, id)| (f32::from_bits(*logit), *id))
        });
        let mut pairs: Vec<(f32, u32)> = pairs.collect();
        sort(&mut pairs);
        let row = b * vocabulary as usize;
        let token = view.as_ref().map_or(pairs[0].1, |view| view.draw[DRAWN]);
        let logit = floats(logits)[row + token as usize];
        let log = |logit: f32| ((f64::from(logit) - log_sum) as f32).to_bits();
        let chance = |id: u32, logit: f32| match &view {
            Some(view) if view.steps() != 0.0 => view.chance_of(id, logit).to_bits(),
            _ => f32::from(u8::from(id == token)).to_bits(),
        };
        let out = &mut results[(position * batch as usize + b) * row_width..][..row_width];
        let ended = state[TOKENS + batch as usize + b];
        out[..5].copy_from_slice(&[
            state[TOKENS + b],
            ended,
            token,
            log(logit),
            chance(token, logit),
        ]);
        for (i, (logit, id)) in pairs.iter().take(k).enumerate() {
            out[5 + i] = *id;
            out[5 + k + i] = log(*logit);
            out[5 + 2 * k + i] = chance(*id, *logit);
        }
        if traced {
            for id in 0..vocabulary as usize {
                let probability = (f64::from(floats(logits)[row + id]) - log_sum).exp();
                let possible = id != suppressed as usize;
                floats_mut(probabilities)[row + id] =
                    if possible { probability as f32 } else { 0.0 };
            }
        }
        state[TOKENS + b] = if ended == 1 { pad } else { token };
        if token == end {
            state[TOKENS + batch as usize + b] = 1;
        }
    }
    let ended: u32 = state[TOKENS + batch as usize..][..batch as usize].iter().sum();
    state[ALIVE] = batch - ended;
    state[POSITION] += 1;
}
