//! Greedy decoding of a batch: encode once, then steps that the device repeats by itself.

use std::rc::Rc;

use crate::decode::buffers::Buffers;
use crate::decode::options::{check, limits};
use crate::decode::steps::{RESULTS, Steps};
use crate::decode::{Options, Step, Translator};
use crate::device::Timing;
use crate::error::Result;
use crate::layers::Memory;
use crate::models::marian::Cache;
use crate::ops::choose::{Choice, first_state, result_words};
use crate::ops::store::Ring;
use crate::site::{Filter, Snapshot};
use crate::tape::Tape;

/// A batch of sentences on its way.
pub struct Decoding {
    translator: Rc<Translator>,
    steps: Steps,
    max_tokens: u32,
    /// What was traced while encoding.
    pub encoded: Vec<Snapshot>,
    /// S, the length to which sources were padded.
    pub padded_length: u32,
    /// C
    pub ring_capacity: u32,
}

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
        let results = buffers.tensor("results", &[RESULTS, batch, row])?;
        let mut caches = vec![];
        for _ in 0..config.decoder.layers {
            let slots = buffers.tensor("K-V ring", &[batch, ring_capacity, 2, width])?;
            let ring = Ring { slots, sinks: 0 };
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
        let running = device.run(&encode, 0..1, None);
        let step = device.compile(step)?;
        let encoded = device.finish(running).await;
        device.discard(&encode);
        Ok(Decoding {
            translator: Rc::clone(translator),
            steps: Steps {
                device: Rc::clone(device),
                program: step,
                buffers,
                results,
                candidates: options.candidates,
                traced,
                end_tokens: vec![generation.end_token],
                // What each would have by itself, whatever it is batched with.
                limits: sources
                    .iter()
                    .map(|source| limits(config, options, source.len() as u32).1)
                    .collect(),
                ended: vec![false; sources.len()],
                position: 0,
                launched: 0,
            },
            max_tokens,
            encoded: encoded?.snapshots,
            padded_length,
            ring_capacity,
        })
    }

    /// Up to `count` further steps, fewer when all sentences end; none when all have ended. While
    /// the results of some steps come back, the next ones run.
    pub async fn next(&mut self, count: u32) -> Result<Vec<Step>> {
        self.steps.next(count).await
    }

    /// Whether every sentence has ended.
    pub fn is_over(&self) -> bool {
        self.steps.is_over()
    }

    /// Tokens at most.
    pub fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    /// Kernels that one step runs.
    pub fn dispatches(&self) -> usize {
        self.steps.program.dispatches()
    }

    /// The model that translates.
    pub fn translator(&self) -> &Rc<Translator> {
        &self.translator
    }

    /// Times every kernel of a step by itself, on a GPU; the decoding is spent afterwards.
    pub async fn profile(self, repeats: u32, now: &dyn Fn() -> f64) -> Result<Vec<Timing>> {
        self.steps.profile(repeats, now).await
    }
}
