//! What a caller may choose when decoding begins, and what is refused.

use crate::error::{Error, Result};
use crate::models::marian_config::Config;

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

/// The most candidates that a step may list.
const MOST_CANDIDATES: u32 = 16;
/// The most sentences in a batch.
const MOST_SENTENCES: usize = 64;

/// Refuses what can't be decoded; gives the length of the longest source.
pub(super) fn check(config: &Config, sources: &[Vec<u32>], options: &Options) -> Result<u32> {
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

/// Slots of the ring and tokens at most, where `longest` is the length of the longest source.
/// Without a ring of the caller's choosing, nothing is ever pushed out of it unasked.
pub(super) fn limits(config: &Config, options: &Options, longest: u32) -> (u32, u32) {
    let limit = config.generation.max_tokens(config.max_positions) as u32;
    match (options.ring_capacity, options.max_tokens) {
        (Some(capacity), tokens) => (capacity, tokens.unwrap_or(limit).min(limit)),
        (None, Some(tokens)) => (tokens.min(limit).next_power_of_two(), tokens.min(limit)),
        (None, None) => {
            let capacity = (2 * longest + 16).next_power_of_two();
            (capacity, limit.min(capacity))
        }
    }
}
