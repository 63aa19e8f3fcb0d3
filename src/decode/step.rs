//! What a decoding step gives: a row for each row of the batch, and what was read.

use crate::site::Snapshot;

/// An alternative for the next token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The token.
    pub id: u32,
    /// Natural logarithm of its probability over the whole vocabulary.
    pub log_probability: f32,
    /// The probability with which it is taken: after repetition penalty, temperature and cuts.
    pub sampled: f32,
}

/// Why a row has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It wrote the end token.
    End,
    /// It reached the limit.
    Length,
}

/// What a step did for one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The position of the token that went in, from 0.
    pub position: u32,
    /// The token that went in.
    pub input: u32,
    /// The token that was chosen. A drawn one need not be among the candidates.
    pub token: u32,
    /// Natural logarithm of its probability over the whole vocabulary.
    pub log_probability: f32,
    /// The probability with which it was taken: after repetition penalty, temperature and cuts.
    pub sampled: f32,
    /// Best first.
    pub candidates: Vec<Candidate>,
    /// Set when this token ended the row.
    pub finish: Option<Finish>,
    /// False once the row had ended before.
    pub active: bool,
}

impl Row {
    /// Reads what `choose` wrote for a row that goes on, with k candidates.
    pub(super) fn read(words: &[u32], k: usize) -> Row {
        let [input, _, token, log_probability, sampled, ref lists @ ..] = *words else {
            panic!("a row of results of {} words", words.len())
        };
        let candidate = |i: usize| Candidate {
            id: lists[i],
            log_probability: f32::from_bits(lists[k + i]),
            sampled: f32::from_bits(lists[2 * k + i]),
        };
        Row {
            position: 0,
            input,
            token,
            log_probability: f32::from_bits(log_probability),
            sampled: f32::from_bits(sampled),
            candidates: (0..k).map(candidate).collect(),
            finish: None,
            active: true,
        }
    }

    /// Probability of all tokens that are no candidates.
    pub fn rest(&self) -> f64 {
        let listed = self.candidates.iter().map(|c| f64::from(c.log_probability).exp());
        (1.0 - listed.sum::<f64>()).max(0.0)
    }
}

/// One step for all rows of a batch.
#[derive(Debug, Clone)]
pub struct Step {
    /// One for each row.
    pub rows: Vec<Row>,
    /// What was read.
    pub trace: Vec<Snapshot>,
}
