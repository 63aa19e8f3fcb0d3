//! The choice: merges the best tokens of all parts of each row, writes the step's results, and advances StepState.

use crate::kernel::{Access, Call, Kernel, Word};
use crate::ops::named::Value;
use crate::ops::sampling::{DRAWN, Sampler, View};
use crate::ops::top_k::{part_words, sort};
use crate::recording::{Dispatch, Rows};
use crate::site::Site;
use crate::step_state::{self, ALIVE, ENDED, LIMITS, POSITIONS, STEPS, TOKENS};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The descriptor.
pub const KERNEL: Kernel = Kernel {
    name: "choose",
    wgsl: &[
        include_str!("../../shaders/choose.wgsl"),
        include_str!("../../shaders/lib/sampling.wgsl"),
        step_state::WGSL,
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
    sizes: &[
        ("B", Word::U32),
        ("V", Word::U32),
        ("P", Word::U32),
        ("k", Word::U32),
        ("eos", Word::U32),
        ("pad", Word::U32),
        ("suppressed", Word::U32),
        ("steps", Word::U32),
    ],
    constants: &["WORKGROUP", "LANES", "TRACE", "SAMPLED"],
    sized: &[],
    reduces: true,
    twin,
    fast: None,
};

/// Words that a step writes for a row: input token, 1 if the row had ended before; the token, its
/// log-probability and its chance; k ids, k log-probabilities, k chances. A chance is the
/// probability with which a token is taken, after repetition penalty, temperature and cuts.
pub fn result_words(best: u32) -> u32 {
    5 + 3 * best
}

/// What the choice needs besides logits.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// k
    pub best: u32,
    /// The token that ends a row; `u32::MAX` if the host sees to ends.
    pub end: u32,
    /// The token that follows the end.
    pub pad: u32,
    /// Whether `pad` is impossible before the end.
    pub bans_padding: bool,
    /// StepState.
    pub state: Tensor,
    /// `[R, B, 5 + 3k]`: a step's row is the number of steps before it modulo R.
    pub results: Tensor,
    /// Where tokens are drawn; else they are the best ones.
    pub sampler: Option<Sampler>,
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
        let shape = [logits.rows(), logits.width()];
        let probabilities = self.activation_if(traced, &shape);
        let workgroup = self.tuning.workgroup;
        let dispatch = Dispatch::new(
            &KERNEL,
            [
                ("best", candidates),
                ("logits", logits),
                ("state", state),
                ("results", results),
                ("probabilities", probabilities),
                ("sampling", sampling),
                ("draw", draw),
            ],
        );
        self.dispatch(
            dispatch
                .sizes([
                    ("B", logits.rows().into()),
                    ("V", logits.width().into()),
                    ("P", candidates.shape()[1].into()),
                    ("k", best.into()),
                    ("eos", end.into()),
                    ("pad", pad.into()),
                    ("suppressed", suppressed.unwrap_or(logits.width()).into()),
                    ("steps", results.shape()[0].into()),
                ])
                .constants([
                    ("WORKGROUP", workgroup.into()),
                    ("LANES", workgroup.into()),
                    ("TRACE", traced.into()),
                    ("SAMPLED", sampler.is_some().into()),
                ]),
        );
        let (rows, columns) = (Rows::All, (0, shape[1]));
        let value = Value { tensor: probabilities, rows, columns, shape: &shape, heads: (1, 1) };
        self.at_result(Site::Probabilities, value);
    }
}

fn twin(call: &Call) {
    let [batch, vocabulary, parts, k] = ["B", "V", "P", "k"].map(|size| call.size(size));
    let [end, pad, suppressed] = ["eos", "pad", "suppressed"].map(|size| call.size(size) as u32);
    let [candidates, sampling, draw] = ["best", "sampling", "draw"].map(|name| call.words(name));
    let logits = call.values("logits");
    let [mut state, mut results] = ["state", "results"].map(|name| call.words_mut(name));
    let mut probabilities = call.values_mut("probabilities");
    let [width, row_width] = [part_words, result_words].map(|words| words(k as u32) as usize);
    let at = |list, b| step_state::at(list, b, batch);
    let step = state[STEPS as usize] as usize % call.size("steps");
    for b in 0..batch {
        let view = call.on("SAMPLED").then(|| View::of(&sampling, &draw, b, vocabulary));
        let part = |p: usize| &candidates[(b * parts + p) * width..][..width];
        let all = (0..parts).map(part);
        let most = all.clone().map(|part| f32::from_bits(part[0])).fold(f32::MIN, f32::max);
        let sum = all.clone().map(|part| {
            let [maximum, sum] = [part[0], part[1]].map(|word| f64::from(f32::from_bits(word)));
            sum * (maximum - f64::from(most)).exp()
        });
        let log_sum = f64::from(most) + sum.sum::<f64>().ln();
        let pairs = all.flat_map(|part| {
            let listed = part[2..2 + k].iter().zip(&part[2 + k..]);
            listed.map(|(logit, id)| (f32::from_bits(*logit), *id))
        });
        let mut pairs: Vec<(f32, u32)> = pairs.collect();
        sort(&mut pairs);
        let row = &logits[b * vocabulary..][..vocabulary];
        let token = view.as_ref().map_or(pairs[0].1, |view| view.draw[DRAWN]);
        let logit = row[token as usize];
        let log = |logit: f32| ((f64::from(logit) - log_sum) as f32).to_bits();
        let chance = |id: u32, logit: f32| match &view {
            Some(view) if view.steps() != 0.0 => view.chance_of(id, logit).to_bits(),
            _ => f32::from(u8::from(id == token)).to_bits(),
        };
        let out = &mut results[(step * batch + b) * row_width..][..row_width];
        let ended = state[at(ENDED, b)];
        let input = state[at(TOKENS, b)];
        out[..5].copy_from_slice(&[input, ended, token, log(logit), chance(token, logit)]);
        for (i, (logit, id)) in pairs.iter().take(k).enumerate() {
            out[5 + i] = *id;
            out[5 + k + i] = log(*logit);
            out[5 + 2 * k + i] = chance(*id, *logit);
        }
        if call.on("TRACE") {
            for (id, logit) in row.iter().enumerate() {
                let probability = (f64::from(*logit) - log_sum).exp();
                let possible = id != suppressed as usize;
                probabilities[b * vocabulary + id] =
                    if possible { probability as f32 } else { 0.0 };
            }
        }
        state[at(TOKENS, b)] = if ended == 1 { pad } else { token };
        if ended == 0 {
            state[at(POSITIONS, b)] += 1;
            let cut = state[at(POSITIONS, b)] >= state[at(LIMITS, b)];
            state[at(ENDED, b)] = u32::from(token == end || cut);
        }
    }
    let ended: u32 = (0..batch).map(|b| state[at(ENDED, b)]).sum();
    state[ALIVE as usize] = batch as u32 - ended;
    state[STEPS as usize] += 1;
}
