//! The loop of steps: submitted ahead, several at a time, while the results of earlier ones come back.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::decode::buffers::Buffers;
use crate::decode::{Finish, Row, Step};
use crate::device::{Device, Program, Running, Timing};
use crate::error::Result;
use crate::ops::choose::result_words;
use crate::site::Snapshot;
use crate::tape::Tensor;

/// Rows of the ring that steps write their results to: more than any submission has steps.
pub(super) const RESULTS: u32 = 64;
/// Submissions under way at once.
const UNDER_WAY: usize = 2;

/// A batch of texts on its way: the one loop of translator and generator.
pub(super) struct Steps {
    pub device: Rc<Device>,
    pub program: Program,
    pub buffers: Buffers,
    /// `[R, B, words of a row]`
    pub results: Tensor,
    pub candidates: u32,
    /// Something is traced, so steps run one by one.
    pub traced: bool,
    /// Tokens that end a text.
    pub end_tokens: Vec<u32>,
    /// Of each text the position at which it is cut.
    pub limits: Vec<u32>,
    pub ended: Vec<bool>,
    /// Of the token that goes in next, as far as results have come back.
    pub position: u32,
    /// The same, as far as steps have been submitted.
    pub launched: u32,
}

impl Steps {
    /// Up to `count` further steps, fewer when all texts end; none when all have ended.
    pub async fn next(&mut self, count: u32) -> Result<Vec<Step>> {
        let goal = self.position.saturating_add(count).min(self.end());
        let mut steps = vec![];
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < UNDER_WAY && self.launched < goal && !self.is_over() {
                let most = if self.traced { 1 } else { self.device.tuning().steps };
                // Rows that are read together lie together in the ring of results.
                let rows = self.results.shape()[0];
                let most = most.min(rows - self.launched % rows);
                under_way.push_back(self.launch(most.min(goal - self.launched)));
            }
            let Some(running) = under_way.pop_front() else { return Ok(steps) };
            let output = self.device.finish(running).await?;
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
        let row = self.launched % self.results.shape()[0];
        let results = (self.buffers.of(self.results), row * width, times * width);
        let first = self.launched;
        self.launched += times;
        self.device.run(&self.program, first..self.launched, Some(results))
    }

    fn step_words(&self) -> u32 {
        self.ended.len() as u32 * result_words(self.candidates)
    }

    /// The position where all texts are cut.
    fn end(&self) -> u32 {
        self.limits.iter().copied().max().unwrap_or(0)
    }

    /// Whether every text has ended.
    pub fn is_over(&self) -> bool {
        self.position >= self.end() || self.ended.iter().all(|ended| *ended)
    }

    /// Times every kernel of a step by itself, on a GPU.
    pub async fn profile(&self, repeats: u32, now: &dyn Fn() -> f64) -> Result<Vec<Timing>> {
        self.device.profile(&self.program, repeats, now).await
    }

    fn read_step(&mut self, words: &[u32], trace: Vec<Snapshot>) -> Step {
        let k = self.candidates as usize;
        let mut rows = vec![];
        let texts = self.ended.iter_mut().zip(&self.limits);
        let row_words = result_words(self.candidates) as usize;
        for (words, (ended, limit)) in words.chunks_exact(row_words).zip(texts) {
            let row = Row::read(words, k);
            let active = !*ended;
            let is_last = self.position + 1 == *limit;
            let finish = match (active, self.end_tokens.contains(&row.token), is_last) {
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

impl Drop for Steps {
    fn drop(&mut self) {
        self.device.discard(&self.program);
    }
}
