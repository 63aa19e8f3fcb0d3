//! What a run takes in before its first step: a source through the encoder, then what a target or a text begins with, chunk by chunk.

use std::rc::Rc;

use crate::decode::buffers::Buffers;
use crate::decode::{Model, Task};
use crate::error::Result;
use crate::executor::{Device, Output, Program};
use crate::layers::Memory;
use crate::models::transformer::{Cache, Pass};
use crate::ops::store::Ring;
use crate::probe::{Lever, Probe};
use crate::recording::Recording;
use crate::site::{Site, Snapshot};
use crate::step_state;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// Sources are padded to a multiple of this.
const SOURCE_BLOCK: u32 = 8;

/// What was read while rows were taken in.
#[derive(Debug, Clone)]
pub struct Part {
    /// The position of the first token of each row.
    pub first: u32,
    /// What was read of them.
    pub trace: Vec<Snapshot>,
}

/// What takes in the rows of a task.
pub(super) struct Reading<'a> {
    pub model: &'a Model,
    pub probe: &'a Probe,
    pub buffers: &'a mut Buffers,
    /// Sites of values that were to be replaced, their shapes, and whether those fitted.
    pub replacements: Vec<(Site, Vec<u32>, bool)>,
}

/// Rows of tokens, filled up to one length.
struct Rows {
    tokens: Tensor,
    lengths: Tensor,
    longest: u32,
}

impl Reading<'_> {
    /// The sources of a task through the encoder; gives what the decoder will look at in each of
    /// its layers, the length to which sources were filled up, and what was read.
    pub async fn sources(&mut self, task: &Task) -> Result<(Vec<Memory>, u32, Part)> {
        let config = self.model.config();
        let sources: Vec<&[u32]> = task.inputs.iter().map(|input| &input.tokens[..]).collect();
        let most = config.max_positions as u32;
        let Rows { tokens, lengths, longest } = self.rows("source", &sources, most)?;
        let width = 2 * config.model_width as u32;
        let layers = config.decoder.map_or(0, |decoder| decoder.layers);
        let batch = sources.len() as u32;
        let memory = |_| {
            let rows = self.buffers.tensor("source keys and values", &[batch, longest, width])?;
            Ok(Memory { rows, lengths })
        };
        let memories = (0..layers).map(memory).collect::<Result<Vec<_>>>()?;
        let caches: Vec<Cache> =
            memories.iter().map(|memory| Cache { ring: None, memory: Some(*memory) }).collect();
        let mut tape = Tape::new(self.device().tuning(), self.probe.clone());
        let encoded = self.model.transformer.encode(&mut tape, tokens, lengths);
        self.model.transformer.remember(&mut tape, encoded, &caches);
        let recording = self.finish(tape);
        let output = self.run_once(recording).await?;
        Ok((memories, longest, Part { first: 0, trace: output.snapshots }))
    }

    /// Room for the rings of all layers, which nothing has gone into.
    pub fn rings(&mut self, batch: u32, capacity: u32, sinks: u32) -> Result<Vec<Ring>> {
        let decoder = self.model.config().decoder.expect("a model with a decoder");
        let own = decoder.key_value_heads as u32;
        let heads = self.probe.changes.key_value_heads.unwrap_or(own);
        let width = heads * decoder.head_width as u32;
        let ring = |_| {
            let slots = self.buffers.tensor("K-V ring", &[batch, capacity, 2, width])?;
            Ok(Ring { slots, sinks })
        };
        (0..decoder.layers).map(ring).collect()
    }

    /// Takes `rows` in, which begin at the first position and fill the rings of `caches`: chunk by
    /// chunk, the next one launched before the last one is awaited.
    pub async fn take_in(
        &mut self,
        rows: &[&[u32]],
        state: Tensor,
        caches: &[Cache],
    ) -> Result<Vec<Part>> {
        let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0) as u32;
        if longest == 0 {
            return Ok(vec![]);
        }
        let batch = rows.len() as u32;
        let chunk = match self.probe.changes.off_anywhere(Lever::CausalMask) {
            // Then every position sees every other: they have to be there at once.
            true => longest,
            false => self.device().tuning().chunk.min(longest),
        };
        let held = self.buffers.tensor("prompt", &[batch, chunk])?;
        // One program for whole chunks, another for what is left.
        let mut programs: Vec<(u32, Box<dyn Program>)> = vec![];
        let mut parts = vec![];
        let mut under_way = None;
        for first in (0..longest).step_by(chunk as usize) {
            let times = chunk.min(longest - first);
            if programs.last().is_none_or(|(length, _)| *length != times) {
                let tokens = held.with_shape(&[batch, times]);
                let mut tape = Tape::new(self.device().tuning(), self.probe.clone());
                let pass = Pass::Chunk { tokens, state };
                self.model.transformer.decode(&mut tape, pass, caches);
                let recording = self.finish(tape);
                programs.push((times, self.compile(recording).await?));
            }
            let (ids, fresh) = chunk_of(rows, first, times);
            let states = fresh
                .iter()
                .map(|fresh| step_state::Row { fresh: *fresh, ..step_state::Row::at(first, 0) });
            let states: Vec<_> = states.collect();
            self.device().upload(self.buffers.of(held), &ids);
            self.device().upload(self.buffers.of(state), &step_state::of(&states));
            let (_, program) = &programs[programs.len() - 1];
            let running = program.run(1, &vec![first; rows.len()], None);
            if let Some((first, running)) = under_way.replace((first, running)) {
                let trace = running.await?.snapshots;
                parts.push(Part { first, trace });
            }
        }
        if let Some((first, running)) = under_way {
            parts.push(Part { first, trace: running.await?.snapshots });
        }
        Ok(parts)
    }

    /// Rows filled up with padding to one length, and their own lengths.
    fn rows(&mut self, what: &str, rows: &[&[u32]], most: u32) -> Result<Rows> {
        let batch = rows.len() as u32;
        let longest = rows.iter().map(|row| row.len() as u32).max().unwrap_or(0);
        let longest = longest.next_multiple_of(SOURCE_BLOCK).min(most);
        let tokens = self.buffers.tensor(what, &[batch, longest])?;
        let lengths = self.buffers.tensor("source lengths", &[batch])?;
        let mut ids = vec![];
        for row in rows {
            ids.extend_from_slice(row);
            let pad = self.model.config().generation.pad_token;
            ids.resize(ids.len().next_multiple_of(longest as usize), pad);
        }
        let counts: Vec<u32> = rows.iter().map(|row| row.len() as u32).collect();
        self.device().upload(self.buffers.of(tokens), &ids);
        self.device().upload(self.buffers.of(lengths), &counts);
        Ok(Rows { tokens, lengths, longest })
    }

    /// Ends a recording.
    pub fn finish(&mut self, tape: Tape) -> Recording {
        self.replacements.extend_from_slice(&tape.replacements);
        tape.finish().fuse()
    }

    fn device(&self) -> &Rc<Device> {
        &self.model.device
    }

    /// Makes it ready to run.
    pub async fn compile(&self, recording: Recording) -> Result<Box<dyn Program>> {
        self.device().prepare(&[&recording]).await;
        self.device().compile(recording)
    }

    async fn run_once(&self, recording: Recording) -> Result<Output> {
        self.compile(recording).await?.run(1, &[], None).await
    }
}

/// The ids of `times` positions of each row from `first` on, with anything beyond their ends, and
/// how many of each row are real.
fn chunk_of(rows: &[&[u32]], first: u32, times: u32) -> (Vec<u32>, Vec<u32>) {
    let left = |row: &&[u32]| row.get(first as usize..).unwrap_or_default().to_vec();
    let mut ids = vec![];
    let mut fresh = vec![];
    for mut row in rows.iter().map(left) {
        fresh.push(times.min(row.len() as u32));
        row.resize(times as usize, 0);
        ids.extend(row);
    }
    (ids, fresh)
}
