//! A task: what is to be run, for any model.

use crate::ops::sampling::Sampling;
use crate::probe::Edit;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Task {
    /// One for each row of the batch.
    pub inputs: Vec<Input>,
    /// Candidates that each step lists.
    pub candidates: u32,
    /// Patterns of sites to read.
    pub trace: Vec<String>,
    /// What is to be otherwise, in order.
    pub edits: Vec<Edit>,
    /// Slots of the K-V rings, a power of two; by default enough for any sensible text.
    pub ring_capacity: Option<u32>,
    /// Slots that keep the first positions for good when the others are taken anew.
    pub sinks: u32,
}

/// One row: what goes in, and how it is to go on.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// The source of a model with an encoder, the prompt of one without.
    pub tokens: Vec<u32>,
    /// With which tokens the target begins, where there is a source.
    pub prefix: Vec<u32>,
    /// New tokens at most, a prefix among them; by default what the model allows.
    pub max_tokens: Option<u32>,
    /// Tokens that end the text; by default those of the model's configuration.
    pub end_tokens: Option<Vec<u32>>,
    /// How tokens are drawn; by default the best one is taken.
    pub sampling: Sampling,
}

impl Input {
    /// These tokens, and all else by default.
    pub fn of(tokens: &[u32]) -> Input {
        Input { tokens: tokens.to_vec(), ..Input::default() }
    }
}

impl Task {
    /// These rows, and all else by default.
    pub fn of(inputs: Vec<Input>) -> Task {
        let (trace, edits, ring_capacity) = (vec![], vec![], None);
        Task { inputs, candidates: 1, trace, edits, ring_capacity, sinks: 0 }
    }

    /// The same, with sites to read.
    pub fn tracing(self, patterns: &[&str]) -> Task {
        Task { trace: patterns.iter().map(|pattern| pattern.to_string()).collect(), ..self }
    }
}
