//! Greedy decoding of a batch: encode once, then steps that the device repeats by itself.

use std::rc::Rc;

use crate::decode::Translator;
use crate::device::{Device, Program, Timing};
use crate::error::{Error, Result};
use crate::layers::Memory;
use crate::models::marian::Cache;
use crate::ops::choose::{Choice, first_state, result_words};
use crate::site::{Filter, Snapshot};
use crate::tape::{Buffer, Tape, Tensor};

/// What may be chosen when decoding begins.
#[derive(Debug, Clone)]
pub struct Options {
    /// Candidates that each step lists.
    pub candidates: u32,
    /// Patterns of sites to trace.
    pub trace: Vec<String>,
    /// Tokens at most; by default the model's limit, and no more than the ring holds.
    pub max_tokens: Option<u32>,
    /// Slots of the K-V ring, a power of two; by default enough for any sensible translation.
    pub ring_capacity: Option<u32>,
}

impl Default for Options {
    fn default() -> Options {
        Options { candidates: 1, trace: vec![], max_tokens: None, ring_capacity: None }
    }
}

/// An alternative for the next token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The token.
    pub id: u32,
    /// Natural logarithm of its probability over the whole vocabulary.
    pub log_probability: f32,
}

/// Why a sentence has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It wrote the end token.
    End,
    /// It reached the limit.
    Length,
}

/// What a step did for one sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The token that went in.
    pub input: u32,
    /// The token that was chosen.
    pub token: u32,
    /// Best first; the chosen one leads.
    pub candidates: Vec<Candidate>,
    /// Set when this token ended the sentence.
    pub finish: Option<Finish>,
    /// False once the sentence had ended before.
    pub active: bool,
}

impl Row {
    /// Probability of all tokens that are no candidates.
    pub fn rest(&self) -> f64 {
        let listed = self.candidates.iter().map(|c| f64::from(c.log_probability).exp());
        (1.0 - listed.sum::<f64>()).max(0.0)
    }
}

/// One step for all sentences of a batch.
#[derive(Debug, Clone)]
pub struct Step {
    /// Position of the new tokens in the target, from 0.
    pub position: u32,
    /// One for each sentence.
    pub rows: Vec<Row>,
    /// What was traced.
    pub trace: Vec<Snapshot>,
}

/// A batch of sentences on its way.
pub struct Decoding {
    translator: Rc<Translator>,
    step: Program,
    buffers: Buffers,
    results: Buffer,
    traced: bool,
    candidates: u32,
    batch: u32,
    max_tokens: u32,
    position: u32,
    ended: Vec<bool>,
    /// What was traced while encoding.
    pub encoded: Vec<Snapshot>,
    /// S, the length to which sources were padded.
    pub padded_length: u32,
    /// C
    pub ring_capacity: u32,
}

/// Sources are padded to a multiple of this.
const SOURCE_BLOCK: u32 = 8;
/// The most candidates that a step may list.
const MOST_CANDIDATES: u32 = 16;
/// The most sentences in a batch.
const MOST_SENTENCES: usize = 64;

impl Decoding {
    /// Encodes the sources, each of which ends with the end token.
    pub async fn begin(
        translator: &Rc<Translator>,
        sources: &[Vec<u32>],
        options: &Options,
    ) -> Result<Decoding> {
        let Translator { device, model, .. } = &**translator;
        let config = &model.config;
        let longest = check(translator, sources, options)?;
        let filter = Filter::new(&options.trace, &config.sites())?;
        let traced = !filter.is_empty();
        let generation = &config.generation;
        let batch = sources.len() as u32;
        let padded_length =
            longest.next_multiple_of(SOURCE_BLOCK).min(config.max_positions as u32);
        let limit = generation.max_tokens(config.max_positions) as u32;
        let ring_capacity = match (options.ring_capacity, options.max_tokens) {
            (Some(capacity), _) => capacity,
            (None, Some(tokens)) => tokens.min(limit).next_power_of_two(),
            (None, None) => (2 * longest + 16).next_power_of_two(),
        };
        // Without a ring of the caller's choosing, nothing is ever pushed out of it unasked.
        let max_tokens = match (options.max_tokens, options.ring_capacity) {
            (Some(tokens), _) => tokens.min(limit),
            (None, Some(_)) => limit,
            (None, None) => limit.min(ring_capacity),
        };
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
        let encode = device.compile(tape.finish())?;
        let running = device.run(&encode, 1, None);

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
            },
        );
        let step = device.compile(tape.finish())?;
        let encoded = device.finish(running).await;
        device.discard(&encode);
        Ok(Decoding {
            translator: Rc::clone(translator),
            step,
            results: buffers.of(results),
            buffers,
            traced,
            candidates: options.candidates,
            batch,
            max_tokens,
            position: 0,
            ended: vec![false; sources.len()],
            encoded: encoded?.snapshots,
            padded_length,
            ring_capacity,
        })
    }

    /// Up to `count` further steps, fewer when all sentences end; none when all have ended.
    pub async fn next(&mut self, count: u32) -> Result<Vec<Step>> {
        let mut steps = vec![];
        while (steps.len() as u32) < count && !self.is_over() {
            let wanted = count - steps.len() as u32;
            let most = if self.traced { 1 } else { self.device().tuning().steps };
            let times = wanted.min(most).min(self.max_tokens - self.position);
            let width = self.batch * result_words(self.candidates);
            let results = (self.results, self.position * width, times * width);
            let running = self.device().run(&self.step, times, Some(results));
            let output = self.device().finish(running).await?;
            let mut trace = output.snapshots;
            for words in output.words.chunks_exact(width as usize) {
                if !self.is_over() {
                    steps.push(self.read_step(words, std::mem::take(&mut trace)));
                }
            }
        }
        Ok(steps)
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
        let is_last = self.position + 1 == self.max_tokens;
        let mut rows = vec![];
        for (words, ended) in words.chunks_exact(2 + 2 * k).zip(&mut self.ended) {
            let candidates: Vec<Candidate> = (0..k)
                .map(|i| Candidate {
                    id: words[2 + i],
                    log_probability: f32::from_bits(words[2 + k + i]),
                })
                .collect();
            let active = words[1] == 0;
            let token = candidates[0].id;
            let finish = match (active, token == end_token, is_last) {
                (true, true, _) => Some(Finish::End),
                (true, false, true) => Some(Finish::Length),
                _ => None,
            };
            *ended |= token == end_token;
            rows.push(Row { input: words[0], token, candidates, finish, active });
        }
        let step = Step { position: self.position, rows, trace };
        self.position += 1;
        step
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        self.translator.device.discard(&self.step);
        self.buffers.release();
    }
}

/// The buffers of one decoding.
struct Buffers {
    device: Rc<Device>,
    held: Vec<Buffer>,
}

impl Buffers {
    fn new(device: Rc<Device>) -> Buffers {
        Buffers { device, held: vec![] }
    }

    fn tensor(&mut self, what: &str, shape: &[u32]) -> Result<Tensor> {
        let buffer = self.device.allocate(what, shape.iter().product())?;
        self.held.push(buffer);
        Ok(Tensor::resident(buffer, shape))
    }

    fn of(&self, tensor: Tensor) -> Buffer {
        match tensor.place {
            crate::tape::Place::Resident(buffer) => buffer,
            place => panic!("{place:?} is no buffer of the device"),
        }
    }

    fn release(&mut self) {
        self.held.drain(..).for_each(|buffer| self.device.release(buffer));
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        self.release();
    }
}

/// Refuses what can't be decoded; gives the length of the longest source.
fn check(translator: &Translator, sources: &[Vec<u32>], options: &Options) -> Result<u32> {
    let config = &translator.model.config;
    let error = |what: &str, expected: String, found: usize| {
        Err(Error::input(what, expected, found.to_string()))
    };
    if sources.is_empty() || sources.len() > MOST_SENTENCES {
        return error("sentences of a batch", format!("1 to {MOST_SENTENCES}"), sources.len());
    }
    let most = config.max_positions;
    for source in sources {
        if source.is_empty() || source.len() > most {
            return error("tokens of a source", format!("1 to {most}"), source.len());
        }
        let vocabulary = config.source_vocabulary as u32;
        if let Some(id) = source.iter().find(|id| **id >= vocabulary) {
            let expected = format!("below {vocabulary}, the model's vocabulary");
            return error("a source token", expected, *id as usize);
        }
    }
    let listed = MOST_CANDIDATES.min(config.target_vocabulary as u32);
    if !(1..=listed).contains(&options.candidates) {
        return error("candidates", format!("1 to {listed}"), options.candidates as usize);
    }
    if options.max_tokens == Some(0) {
        return error("tokens at most", "1 or more".to_string(), 0);
    }
    if let Some(capacity) = options.ring_capacity
        && !(capacity.is_power_of_two() && capacity <= 1 << 16)
    {
        let expected = "a power of two up to 65,536".to_string();
        return error("slots of the K-V ring", expected, capacity as usize);
    }
    Ok(sources.iter().map(Vec::len).max().unwrap_or(0) as u32)
}
