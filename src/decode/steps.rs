//! The loop of steps: submitted ahead, several at a time, while the results of earlier ones come back.

use std::collections::VecDeque;

use crate::decode::buffers::Buffers;
use crate::decode::{Finish, Row, Step};
use crate::error::Result;
use crate::executor::{Later, Output, Program, Read, Timing};
use crate::ops::choose::result_words;
use crate::site::Snapshot;
use crate::tensor::Tensor;

/// Rows of the ring that steps write their results to: more than any submission has steps.
pub(super) const RESULTS: u32 = 64;
/// Submissions under way at once.
const UNDER_WAY: usize = 2;

/// The steps of a batch of rows.
pub(super) struct Steps {
    program: Box<dyn Program>,
    buffers: Buffers,
    /// `[R, B, words of a row]`
    results: Tensor,
    candidates: u32,
    /// Something is read, so steps run one by one.
    traced: bool,
    rows: Vec<Ending>,
    /// Steps that have been submitted, and whose results have come back.
    launched: u32,
    done: u32,
}

/// How a row ends, and how far it is.
pub(super) struct Ending {
    /// Tokens that end it.
    pub tokens: Vec<u32>,
    /// The position at which it is cut.
    pub limit: u32,
    /// Of the token that goes in next, as far as results have come back.
    pub position: u32,
    pub ended: bool,
}

impl Steps {
    pub fn new(
        program: Box<dyn Program>,
        buffers: Buffers,
        results: Tensor,
        candidates: u32,
        traced: bool,
        rows: Vec<Ending>,
    ) -> Steps {
        let [launched, done] = [0; 2];
        Steps { program, buffers, results, candidates, traced, rows, launched, done }
    }

    /// Up to `count` further steps, fewer when all rows end; none when all have ended. A submission
    /// has `portion` steps at most.
    pub async fn next(&mut self, count: u32, portion: u32) -> Result<Vec<Step>> {
        let left = self.rows.iter().filter(|row| !row.ended).map(|row| row.limit - row.position);
        let goal = self.done + count.min(left.max().unwrap_or(0));
        let mut steps = vec![];
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < UNDER_WAY && self.launched < goal && !self.is_over() {
                let most = if self.traced { 1 } else { portion };
                // Rows that are read together lie together in the ring of results.
                let rows = self.results.shape()[0];
                let most = most.min(rows - self.launched % rows);
                under_way.push_back(self.launch(most.min(goal - self.launched)));
            }
            let Some(running) = under_way.pop_front() else { return Ok(steps) };
            let output: Output = running.await?;
            let mut trace = output.snapshots;
            for words in output.words.chunks_exact(self.step_words() as usize) {
                self.done += 1;
                if !self.is_over() {
                    steps.push(self.read_step(words, std::mem::take(&mut trace)));
                }
            }
        }
    }

    /// Submits `times` steps, and the copy of their results.
    fn launch(&mut self, times: u32) -> Later<'static, Result<Output>> {
        let words = self.step_words();
        let first = self.launched % self.results.shape()[0] * words;
        let buffer = self.buffers.of(self.results);
        let ahead = self.launched - self.done;
        let positions: Vec<u32> = self.rows.iter().map(|row| row.position + ahead).collect();
        self.launched += times;
        self.program.run(times, &positions, Some(Read { buffer, first, words: times * words }))
    }

    fn step_words(&self) -> u32 {
        self.rows.len() as u32 * result_words(self.candidates)
    }

    /// Whether every row has ended.
    pub fn is_over(&self) -> bool {
        self.rows.iter().all(|row| row.ended)
    }

    /// Kernels that one step runs.
    pub fn dispatches(&self) -> usize {
        self.program.dispatches()
    }

    /// Times every kernel of a step by itself, on a GPU.
    pub async fn profile(&self, repeats: u32, now: &dyn Fn() -> f64) -> Result<Vec<Timing>> {
        self.program.profile(repeats, now).await
    }

    fn read_step(&mut self, words: &[u32], trace: Vec<Snapshot>) -> Step {
        let row_words = result_words(self.candidates) as usize;
        let results = words.chunks_exact(row_words).zip(&mut self.rows);
        let rows = results.map(|(words, ending)| ending.read(words, self.candidates as usize));
        Step { rows: rows.collect(), trace }
    }
}

impl Ending {
    fn read(&mut self, words: &[u32], candidates: usize) -> Row {
        let active = !self.ended;
        let position = self.position;
        let row = Row::read(words, candidates);
        let is_last = position + 1 == self.limit;
        let finish = match (active, self.tokens.contains(&row.token), is_last) {
            (true, true, _) => Some(Finish::End),
            (true, false, true) => Some(Finish::Length),
            _ => None,
        };
        self.ended |= finish.is_some();
        self.position += u32::from(active);
        Row { position, finish, active, ..row }
    }
}
