//! Writing on after a prompt: chunks of it fill the rings, then steps that the device repeats by itself.

use std::rc::Rc;

use crate::decode::buffers::Buffers;
use crate::decode::generate_options::{self, Limits};
use crate::decode::steps::{RESULTS, Steps};
use crate::decode::{GenerateOptions, Generator, Step};
use crate::device::{Device, Program, Timing};
use crate::error::Result;
use crate::models::causal::Causal;
use crate::models::causal_config::Config;
use crate::ops::choose::{Choice, POSITION, first_state, result_words};
use crate::ops::sampling::{Sampler, Sampling, seen};
use crate::ops::store::Ring;
use crate::site::{Filter, Snapshot};
use crate::tape::{Tape, Tensor};

/// A text on its way.
pub struct Generation {
    generator: Rc<Generator>,
    steps: Steps,
    /// What was traced while the prompt was taken in: the position of a chunk's first token, and
    /// the chunk's values.
    pub prompt_trace: Vec<(u32, Vec<Snapshot>)>,
    /// C
    pub ring_capacity: u32,
    /// Slots that keep the first positions for good.
    pub sinks: u32,
}

impl Generation {
    /// Takes in `prompt`, all but its last token, which is the first step's input.
    pub async fn begin(
        generator: &Rc<Generator>,
        prompt: &[u32],
        options: &GenerateOptions,
    ) -> Result<Generation> {
        let Generator { device, model, .. } = &**generator;
        let Limits { ring_capacity, last } =
            generate_options::check(&model.config, prompt, options)?;
        let filter = Filter::new(&options.trace, &model.config.sites())?;
        let mut buffers = Buffers::new(Rc::clone(device));
        let state = buffers.tensor("step state", &[6])?;
        let row = result_words(options.candidates);
        let results = buffers.tensor("results", &[RESULTS, 1, row])?;
        let rings = rings(model, ring_capacity, options.sinks, &mut buffers)?;

        let (input, taken_in) = prompt.split_last().expect("a prompt has been checked");
        let prompt_trace = Prompt { device, model, state, filter: &filter, rings: &rings }
            .take_in(taken_in, &mut buffers)
            .await?;

        let sampling = &options.sampling;
        let sampler = match sampling.is_plain() {
            true => None,
            false => Some(sampler(device, sampling, prompt, &model.config, &mut buffers)?),
        };
        let traced = !filter.is_empty();
        let mut tape = Tape::new(device.tuning(), filter);
        let logits = model.step(&mut tape, state, &rings);
        tape.choose(
            logits,
            Choice {
                best: options.candidates,
                // The host sees ends, of which a text may have several.
                end: u32::MAX,
                pad: u32::MAX,
                bans_padding: false,
                state,
                results,
                sampler,
            },
        );
        let step = tape.finish();
        device.prepare(&[&step]).await;
        let program = device.compile(step)?;
        let position = taken_in.len() as u32;
        device.upload(buffers.of(state), &state_at(position, *input));
        let end_tokens = options.end_tokens.as_ref().unwrap_or(&model.config.end_tokens).clone();
        Ok(Generation {
            generator: Rc::clone(generator),
            steps: Steps {
                device: Rc::clone(device),
                program,
                buffers,
                results,
                candidates: options.candidates,
                traced,
                end_tokens,
                limits: vec![last],
                ended: vec![false],
                position,
                launched: position,
            },
            prompt_trace,
            ring_capacity,
            sinks: options.sinks,
        })
    }

    /// Up to `count` further steps, fewer when the text ends; none when it has ended. While the
    /// results of some steps come back, the next ones run.
    pub async fn next(&mut self, count: u32) -> Result<Vec<Step>> {
        self.steps.next(count).await
    }

    /// Whether the text has ended.
    pub fn is_over(&self) -> bool {
        self.steps.is_over()
    }

    /// Kernels that one step runs.
    pub fn dispatches(&self) -> usize {
        self.steps.program.dispatches()
    }

    /// The model that writes.
    pub fn generator(&self) -> &Rc<Generator> {
        &self.generator
    }

    /// Times every kernel of a step by itself, on a GPU; the text is spent afterwards.
    pub async fn profile(self, repeats: u32, now: &dyn Fn() -> f64) -> Result<Vec<Timing>> {
        self.steps.profile(repeats, now).await
    }
}

/// A ring for each layer.
fn rings(model: &Causal, capacity: u32, sinks: u32, buffers: &mut Buffers) -> Result<Vec<Ring>> {
    let width = (model.config.key_value_heads * model.config.head_width) as u32;
    let ring = |_| {
        let slots = buffers.tensor("K-V ring", &[1, capacity, 2, width])?;
        Ok(Ring { slots, sinks })
    };
    (0..model.config.layers).map(ring).collect()
}

/// Where tokens are drawn after these, which have been seen.
pub(super) fn sampler(
    device: &Device,
    sampling: &Sampling,
    history: &[u32],
    config: &Config,
    buffers: &mut Buffers,
) -> Result<Sampler> {
    let parameters = sampling.words();
    let words = seen(history, config.vocabulary as u32);
    let sampling = buffers.tensor("sampling", &[parameters.len() as u32])?;
    let draw = buffers.tensor("tokens seen", &[words.len() as u32])?;
    device.upload(buffers.of(sampling), &parameters);
    device.upload(buffers.of(draw), &words);
    Ok(Sampler { sampling, draw })
}

/// StepState of one text, with a token at a position.
pub(super) fn state_at(position: u32, token: u32) -> Vec<u32> {
    let mut state = first_state(1, token);
    state[POSITION] = position;
    state
}

/// What takes in a prompt.
struct Prompt<'a> {
    device: &'a Device,
    model: &'a Causal,
    state: Tensor,
    filter: &'a Filter,
    rings: &'a [Ring],
}

impl Prompt<'_> {
    /// Fills the rings and gives back what the programs held, also after an error.
    async fn take_in(
        &self,
        tokens: &[u32],
        buffers: &mut Buffers,
    ) -> Result<Vec<(u32, Vec<Snapshot>)>> {
        if tokens.is_empty() {
            return Ok(vec![]);
        }
        let chunk = self.device.tuning().chunk.min(tokens.len() as u32);
        let held = buffers.tensor("prompt", &[1, chunk])?;
        let mut programs = vec![];
        let traces = self.run(tokens, held, &mut programs, buffers).await;
        programs.iter().for_each(|(_, program)| self.device.discard(program));
        traces
    }

    /// Chunk by chunk, the next one launched before the last one is awaited; one program for whole
    /// chunks, another for what is left.
    async fn run(
        &self,
        tokens: &[u32],
        held: Tensor,
        programs: &mut Vec<(u32, Program)>,
        buffers: &Buffers,
    ) -> Result<Vec<(u32, Vec<Snapshot>)>> {
        let chunk = held.len();
        let mut traces = vec![];
        let mut under_way = None;
        for (index, ids) in tokens.chunks(chunk as usize).enumerate() {
            let times = ids.len() as u32;
            if programs.last().is_none_or(|(length, _)| *length != times) {
                programs.push((times, self.program(held, times).await?));
            }
            let first = index as u32 * chunk;
            self.device.upload(buffers.of(held), ids);
            self.device.upload(buffers.of(self.state), &state_at(first, 0));
            let (_, program) = &programs[programs.len() - 1];
            let launched = (first, self.device.run(program, first..first + 1, None));
            if let Some((first, running)) = under_way.replace(launched) {
                traces.push((first, self.device.finish(running).await?.snapshots));
            }
        }
        if let Some((first, running)) = under_way {
            traces.push((first, self.device.finish(running).await?.snapshots));
        }
        Ok(traces)
    }

    async fn program(&self, held: Tensor, times: u32) -> Result<Program> {
        let mut tape = Tape::new(self.device.tuning(), self.filter.clone());
        let tokens = held.with_shape(&[1, times]);
        self.model.prefill(&mut tape, tokens, self.state, self.rings);
        let recording = tape.finish();
        self.device.prepare(&[&recording]).await;
        self.device.compile(recording)
    }
}
