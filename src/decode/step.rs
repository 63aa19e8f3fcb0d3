//! What a decoding step gives: a row for each sentence, and what was traced.

use crate::site::Snapshot;

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
