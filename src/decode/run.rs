//! A run: what a task's rows take in, then steps that the device repeats by itself, until all have ended.

use std::rc::Rc;

use crate::decode::buffers::Buffers;
use crate::decode::limits::{self, Limits};
use crate::decode::reading::Reading;
use crate::decode::steps::{Ending, RESULTS, Steps};
use crate::decode::{Input, Model, Part, Sampling, Step, Task};
use crate::error::{Error, Result};
use crate::executor::{Device, Timing};
use crate::models::config::Config;
use crate::models::transformer::{Cache, Pass};
use crate::ops::choose::{Choice, result_words};
use crate::ops::sampling::{PARAMETERS, Sampler, draw_words, seen};
use crate::probe::{Changes, Edit, Probe};
use crate::site::{Filter, Site};
use crate::step_state;
use crate::tape::Tape;

/// A task on its way.
pub struct Run {
    model: Rc<Model>,
    /// None of a model that only reads.
    steps: Option<Steps>,
    /// What was read while rows were taken in.
    pub read: Vec<Part>,
    /// S, the length to which sources were filled up; 0 without an encoder.
    pub padded_length: u32,
    /// C; 0 without a decoder.
    pub ring_capacity: u32,
    /// Slots that keep the first positions for good.
    pub sinks: u32,
    /// Steps at most.
    pub most_steps: u32,
}

impl Run {
    /// Takes in all rows but for the token that each one's first step begins with.
    pub async fn begin(model: &Rc<Model>, task: &Task) -> Result<Run> {
        let config = model.config();
        limits::check(config, task)?;
        let mut buffers = Buffers::new(Rc::clone(&model.device));
        let probe = probe(model, task, &mut buffers)?;
        let replacements = vec![];
        let mut reading = Reading { model, probe: &probe, buffers: &mut buffers, replacements };
        let (memories, padded_length, mut read) = match config.encoder {
            Some(_) => {
                let (memories, padded_length, part) = reading.sources(task).await?;
                (memories, padded_length, vec![part])
            }
            None => (vec![], 0, vec![]),
        };
        let sinks = task.sinks;
        if config.decoder.is_none() {
            let model = Rc::clone(model);
            let [ring_capacity, most_steps] = [0; 2];
            return Ok(Run {
                model,
                steps: None,
                read,
                padded_length,
                ring_capacity,
                sinks,
                most_steps,
            });
        }
        let Limits { ring_capacity, ends } = limits::limits(config, task)?;
        let batch = task.inputs.len() as u32;
        let state = reading.buffers.tensor("step state", &[step_state::words(batch)])?;
        let rings = reading.rings(batch, ring_capacity, sinks)?;
        let cache = |(layer, ring)| Cache {
            ring: Some(ring),
            memory: memories.get::<usize>(layer).copied(),
        };
        let caches: Vec<Cache> = rings.into_iter().enumerate().map(cache).collect();
        let begins: Vec<Vec<u32>> =
            task.inputs.iter().map(|input| beginning(config, input)).collect();
        let taken_in: Vec<&[u32]> = begins.iter().map(|row| &row[..row.len() - 1]).collect();
        read.extend(reading.take_in(&taken_in, state, &caches).await?);

        let sampler = sampler(&model.device, &task.inputs, &begins, config, reading.buffers)?;
        let results = [RESULTS, batch, result_words(task.candidates)];
        let results = reading.buffers.tensor("results", &results)?;
        let mut tape = Tape::new(model.device.tuning(), probe.clone());
        let x = model.transformer.decode(&mut tape, Pass::Step { state, batch }, &caches);
        let logits = model.transformer.logits(&mut tape, x);
        let generation = &config.generation;
        tape.choose(
            logits,
            Choice {
                best: task.candidates,
                // The device knows one; where there may be more or others, the host sees to them.
                end: match (&generation.end_tokens[..], config.encoder) {
                    ([end], Some(_)) if has_models_ends(&task.inputs) => *end,
                    _ => u32::MAX,
                },
                pad: generation.pad_token,
                bans_padding: generation.bans_padding,
                state,
                results,
                sampler,
            },
        );
        let step = reading.finish(tape);
        check_replacements(&task.edits, &reading.replacements)?;
        let program = reading.compile(step).await?;
        let rows: Vec<step_state::Row> = (begins.iter().zip(&ends))
            .map(|(begin, limit)| step_state::Row {
                limit: *limit,
                ..step_state::Row::at(begin.len() as u32 - 1, begin[begin.len() - 1])
            })
            .collect();
        model.device.upload(buffers.of(state), &step_state::of(&rows));
        let endings = task.inputs.iter().zip(&rows).map(|(input, row)| Ending {
            tokens: input.end_tokens.as_ref().unwrap_or(&generation.end_tokens).clone(),
            limit: row.limit,
            position: row.position,
            ended: false,
        });
        let endings: Vec<Ending> = endings.collect();
        let most_steps = endings.iter().map(|row| row.limit - row.position).max().unwrap_or(0);
        let steps =
            Steps::new(program, buffers, results, task.candidates, !probe.is_blind(), endings);
        Ok(Run {
            model: Rc::clone(model),
            steps: Some(steps),
            read,
            padded_length,
            ring_capacity,
            sinks,
            most_steps,
        })
    }

    /// Up to `count` further steps, fewer when all rows end; none when all have ended. While the
    /// results of some steps come back, the next ones run.
    pub async fn next(&mut self, count: u32) -> Result<Vec<Step>> {
        let portion = self.model.device.tuning().steps;
        match &mut self.steps {
            Some(steps) => steps.next(count, portion).await,
            None => Ok(vec![]),
        }
    }

    /// Whether every row has ended.
    pub fn is_over(&self) -> bool {
        self.steps.as_ref().is_none_or(Steps::is_over)
    }

    /// Kernels that one step runs.
    pub fn dispatches(&self) -> usize {
        self.steps.as_ref().map_or(0, Steps::dispatches)
    }

    /// The model that runs.
    pub fn model(&self) -> &Rc<Model> {
        &self.model
    }

    /// Times every kernel of a step by itself, on a GPU; the run is spent afterwards.
    pub async fn profile(self, repeats: u32, now: &dyn Fn() -> f64) -> Result<Vec<Timing>> {
        match &self.steps {
            Some(steps) => steps.profile(repeats, now).await,
            None => Ok(vec![]),
        }
    }
}

/// What is read and changed in a run of a task.
fn probe(model: &Model, task: &Task, buffers: &mut Buffers) -> Result<Probe> {
    if task.trace.is_empty() && task.edits.is_empty() {
        return Ok(Probe::none());
    }
    let names = model.names();
    let sites: Vec<Site> = names.iter().map(|name| name.site).collect();
    let heads = model.config().decoder.map_or(0, |decoder| decoder.key_value_heads as u32);
    let mut keep = |shape: &[u32], values: &[f32]| {
        let tensor = buffers.tensor("values of another run", shape)?;
        model.device.upload(buffers.of(tensor), bytemuck::cast_slice(values));
        Ok(tensor)
    };
    let changes = Changes::resolve(&task.edits, &names, heads, &mut keep)?;
    Ok(Probe::reading(Filter::new(&task.trace, &sites)?).changing(changes))
}

/// Refuses a replacement whose shape no pass of the run has.
fn check_replacements(edits: &[Edit], tried: &[(Site, Vec<u32>, bool)]) -> Result<()> {
    for edit in edits {
        let Edit::Replace { site, shape, .. } = edit else { continue };
        let own: Vec<_> = tried.iter().filter(|(tried, ..)| tried.to_string() == *site).collect();
        if !own.iter().any(|(.., fits)| *fits) {
            let shapes: Vec<String> =
                own.iter().map(|(_, shape, _)| format!("{shape:?}")).collect();
            let expected = format!("a value of shape {}", shapes.join(" or "));
            return Err(Error::input(format!("edit `{edit}`"), expected, format!("{shape:?}")));
        }
    }
    Ok(())
}

/// Whether all rows end with the tokens of the model's configuration.
fn has_models_ends(inputs: &[Input]) -> bool {
    inputs.iter().all(|input| input.end_tokens.is_none())
}

/// What the decoder takes in of a row: the start token and the prefix of a target, or a prompt.
fn beginning(config: &Config, input: &Input) -> Vec<u32> {
    match config.encoder {
        Some(_) => [&[config.generation.start_token], &input.prefix[..]].concat(),
        None => input.tokens.clone(),
    }
}

/// Where tokens are drawn after these, which have been seen; none where all take the best.
pub(super) fn sampler(
    device: &Device,
    inputs: &[Input],
    seen_by: &[Vec<u32>],
    config: &Config,
    buffers: &mut Buffers,
) -> Result<Option<Sampler>> {
    let samplings: Vec<&Sampling> = inputs.iter().map(|input| &input.sampling).collect();
    if samplings.iter().all(|sampling| sampling.is_plain()) {
        return Ok(None);
    }
    let [batch, vocabulary] = [inputs.len() as u32, config.vocabulary as u32];
    let sampling = buffers.tensor("sampling", &[batch, PARAMETERS])?;
    let draw = buffers.tensor("tokens seen", &[batch, draw_words(vocabulary)])?;
    let parameters: Vec<u32> = samplings.iter().flat_map(|sampling| sampling.words()).collect();
    let words: Vec<u32> = seen_by.iter().flat_map(|tokens| seen(tokens, vocabulary)).collect();
    device.upload(buffers.of(sampling), &parameters);
    device.upload(buffers.of(draw), &words);
    Ok(Some(Sampler { sampling, draw }))
}
