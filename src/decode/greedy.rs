//! Greedy decoding of a batch: encode once, then steps that the device repeats by itself.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::decode::buffers::Buffers;
use crate::decode::options::{check, limits};
use crate::decode::{Finish, Options, Row, Step, Translator};
use crate::device::{Device, Program, Running, Timing};
use crate::error::Result;
use crate::layers::Memory;
use crate::models::marian::Cache;
use crate::ops::choose::{Choice, first_state, result_words};
use crate::site::{Filter, Snapshot};
use crate::tape::{Tape, Tensor};

/// A batch of sentences on its way.
pub struct Decoding {
    translator: Rc<Translator>,
    step: Program,
    buffers: Buffers,
    results: Tensor,
    traced: bool,
    candidates: u32,
    batch: u32,
    max_tokens: u32,
    /// Tokens at most of each sentence: what it would have by itself, whatever it is batched with.
    limits: Vec<u32>,
    position: u32,
    launched: u32,
    ended: Vec<bool>,
    /// What was traced while encoding.
    pub encoded: Vec<Snapshot>,
    /// S, the length to which sources were padded.
    pub padded_length: u32,
    /// C
    pub ring_capacity: u32,
}

/// Submissions under way at once.
const UNDER_WAY: usize = 2;
/// Sources are padded to a multiple of this.
const SOURCE_BLOCK: u32 = 8;
impl Decoding {
    /// Encodes the sources, each of which ends with the end token.
    pub async fn begin(
        translator: &Rc<Translator>,
        sources: &[Vec<u32>],
        options: &Options,
    ) -> Result<Decoding> {
        let Translator { device, model, .. } = &**translator;
        let config = &model.config;
        let longest = check(config, sources, options)?;
        let filter = Filter::new(&options.trace, &config.sites())?;
        let traced = !filter.is_empty();
        let generation = &config.generation;
        let batch = sources.len() as u32;
        let padded_length = longest.next_multiple_of(SOURCE_BLOCK).min(config.max_positions as u32);
        let (ring_capacity, max_tokens) = limits(config, options, longest);
        let width = config.model_width as u32;

        let mut buffers = Buffers::new(Rc::clone(device));
        let tokens = buffers.tensor("source tokens", &[batch, padded_length])?;
        let lengths = buffers.tensor("source lengths", &[batch])?;
        let state = buffers.tensor("step state", &[4 + 2 * batch])?;
        let row = result_words(options.candidates);
        let results = buffers.tensor("results", &[max_tokens, batch, row])?;
        let mut caches = vec![];
        for _ in 0..config.decoder.layers {
            let ring = buffers.tensor("K-V ring", &[batch, ring_capacity, 2, width])?;
            let rows =
                buffers.tensor("source keys and values", &[batch, padded_length, 2 * width])?;
            caches.push(Cache { ring, memory: Memory { rows, lengths } });
        }

        let mut ids = vec![];
        for source in sources {
            ids.extend(source);
            ids.resize(ids.len().next_multiple_of(padded_length as usize), generation.pad_token);
        }
        device.upload(buffers.of(tokens), &ids);
        let counts: Vec<u32> = sources.iter().map(|source| source.len() as u32).collect();
        device.upload(buffers.of(lengths), &counts);
        device.upload(buffers.of(state), &first_state(batch, generation.start_token));

        let mut tape = Tape::new(device.tuning(), filter.clone());
        model.encode(&mut tape, tokens, lengths, &caches);
        let encode = tape.finish();

        let mut tape = Tape::new(device.tuning(), filter);
        let logits = model.step(&mut tape, state, batch, &caches);
        tape.choose(
            logits,
            Choice {
                best: options.candidates,
                end: generation.end_token,
                pad: generation.pad_token,
                bans_padding: generation.bans_padding,
                state,
                results,
                sampler: None,
            },
        );
        let step = tape.finish();

        device.prepare(&[&encode, &step]).await;
        let encode = device.compile(encode)?;
        let running = device.run(&encode, 1, None);
        let step = device.compile(step)?;
        let encoded = device.finish(running).await;
        device.discard(&encode);
        Ok(Decoding {
            translator: Rc::clone(translator),
            step,
            results,
            buffers,
            traced,
            candidates: options.candidates,
            batch,
            max_tokens,
            limits: sources
                .iter()
                .map(|source| limits(config, options, source.len() as u32).1)
                .collect(),
            position: 0,
            launched: 0,
            ended: vec![false; sources.len()],
            encoded: encoded?.snapshots,
            padded_length,
            ring_capacity,
        })
    }

    /// Up to `count` further steps, fewer when all sentences end; none when all have ended. While
    /// the results of some steps come back, the next ones run.
    pub async fn next(&mut self, count: u32) -> Result<Vec<Step>> {
        let goal = self.position.saturating_add(count).min(self.max_tokens);
        let mut steps = vec![];
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < UNDER_WAY && self.launched < goal && !self.is_over() {
                let most = if self.traced { 1 } else { self.device().tuning().steps };
                under_way.push_back(self.launch(most.min(goal - self.launched)));
            }
            let Some(running) = under_way.pop_front() else { return Ok(steps) };
            let output = self.device().finish(running).await?;
            let mut trace = output.snapshots;
            for words in output.words.chunks_exact(self.step_words() as usize) {
                if !self.is_over() {
                    steps.push(self.read_step(words, std::mem::take(&mut trace)));
                }
            }
        }
    }

    /// Submits `times` steps, and the copy of their results.
    fn launch(&mut self, times: u32) -> Running {
        let width = self.step_words();
        let results = (self.buffers.of(self.results), self.launched * width, times * width);
        self.launched += times;
        self.device().run(&self.step, times, Some(results))
    }

    fn step_words(&self) -> u32 {
        self.batch * result_words(self.candidates)
    }

    /// Whether every sentence has ended.
    pub fn is_over(&self) -> bool {
        self.position == self.max_tokens || self.ended.iter().all(|ended| *ended)
    }

    /// Tokens at most.
    pub fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    /// Kernels that one step runs.
    pub fn dispatches(&self) -> usize {
        self.step.dispatches()
    }

    /// Times every kernel of a step by itself, on a GPU; the decoding is spent afterwards.
    pub async fn profile(self, repeats: u32, now: &dyn Fn() -> f64) -> Result<Vec<Timing>> {
        self.device().profile(&self.step, repeats, now).await
    }

    fn device(&self) -> &Device {
        &self.translator.device
    }

    fn read_step(&mut self, words: &[u32], trace: Vec<Snapshot>) -> Step {
        let end_token = self.translator.model.config.generation.end_token;
        let k = self.candidates as usize;
        let mut rows = vec![];
        let sentences = self.ended.iter_mut().zip(&self.limits);
        let row_words = result_words(self.candidates) as usize;
        for (words, (ended, limit)) in words.chunks_exact(row_words).zip(sentences) {
            let row = Row::read(words, k);
            let active = !*ended;
            let token = row.token;
            let is_last = self.position + 1 == *limit;
            let finish = match (active, token == end_token, is_last) {
                (true, true, _) => Some(Finish::End),
                (true, false, true) => Some(Finish::Length),
                _ => None,
            };
            *ended |= finish.is_some();
            rows.push(Row { finish, active, ..row });
        }
        let step = Step { position: self.position, rows, trace };
        self.position += 1;
        step
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        self.translator.device.discard(&self.step);
    }
}
