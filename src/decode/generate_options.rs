//! What a caller may choose when a text begins, and what is refused.

use crate::error::{Error, Result};
use crate::models::causal_config::{Config, Positions};
use crate::ops::rotary;
use crate::ops::sampling::Sampling;

/// What may be chosen when a text begins.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    /// Candidates that each step lists.
    pub candidates: u32,
    /// Patterns of sites to trace.
    pub trace: Vec<String>,
    /// New tokens at most; by default as many as there are positions.
    pub max_tokens: Option<u32>,
    /// Slots of the K-V rings, a power of two; by default enough for the prompt and `max_tokens`,
    /// but no more than the positions that the model was trained on.
    pub ring_capacity: Option<u32>,
    /// Slots that keep the first positions for good when the others are taken anew.
    pub sinks: u32,
    /// Tokens that end the text; by default those of the model's configuration.
    pub end_tokens: Option<Vec<u32>>,
    /// How tokens are drawn; by default the best one is taken.
    pub sampling: Sampling,
}

impl Default for GenerateOptions {
    fn default() -> GenerateOptions {
        GenerateOptions {
            candidates: 1,
            trace: vec![],
            max_tokens: None,
            ring_capacity: None,
            sinks: 0,
            end_tokens: None,
            sampling: Sampling::default(),
        }
    }
}

/// The most candidates that a step may list.
const MOST_CANDIDATES: u32 = 64;
/// Slots of a ring, if nobody says how many and the text may go on for ever.
const ENDLESS: u32 = 1024;

/// What follows from options and prompt.
pub(super) struct Limits {
    pub ring_capacity: u32,
    /// The position of the first token that will not be taken in any more.
    pub last: u32,
}

/// Refuses what can't be continued.
pub(super) fn check(config: &Config, prompt: &[u32], options: &GenerateOptions) -> Result<Limits> {
    let error = |what: &str, expected: String, found: u32| {
        Err(Error::input(what, expected, found.to_string()))
    };
    let length = prompt.len() as u32;
    let trained = config.max_positions as u32;
    if prompt.is_empty() || length > trained {
        return error("tokens of the prompt", format!("1 to {trained}"), length);
    }
    check_choice(config, prompt, &options.sampling, options.candidates)?;
    if options.max_tokens == Some(0) {
        return error("tokens at most", "1 or more".to_string(), 0);
    }
    let positions = match config.positions {
        Positions::Learned => trained,
        Positions::Rotary { .. } => rotary::POSITIONS,
    };
    let first = length - 1;
    let last = match options.max_tokens {
        Some(tokens) => first.saturating_add(tokens).min(positions),
        None => positions,
    };
    let within = |slots: u32| slots.next_power_of_two().min(trained.next_power_of_two());
    let ring_capacity = match (options.ring_capacity, options.max_tokens) {
        (Some(capacity), _) => capacity,
        (None, Some(_)) => within(last),
        (None, None) if config.positions == Positions::Learned => within(positions),
        (None, None) => within(ENDLESS.max(length + 1)),
    };
    if !(ring_capacity.is_power_of_two() && ring_capacity <= 1 << 16) {
        let expected = "a power of two up to 65,536".to_string();
        return error("slots of the K-V ring", expected, ring_capacity);
    }
    if options.sinks >= ring_capacity {
        let expected = format!("fewer than the {ring_capacity} slots of the ring");
        return error("attention sinks", expected, options.sinks);
    }
    Ok(Limits { ring_capacity, last })
}

/// Refuses what can't be chosen from after these tokens.
pub(super) fn check_choice(
    config: &Config,
    history: &[u32],
    sampling: &Sampling,
    candidates: u32,
) -> Result<()> {
    let error = |what: &str, expected: String, found: u32| {
        Err(Error::input(what, expected, found.to_string()))
    };
    let vocabulary = config.vocabulary as u32;
    if let Some(id) = history.iter().find(|id| **id >= vocabulary) {
        return error("a token of the prompt", format!("below {vocabulary}"), *id);
    }
    let listed = MOST_CANDIDATES.min(vocabulary);
    if !(1..=listed).contains(&candidates) {
        return error("candidates", format!("1 to {listed}"), candidates);
    }
    sampling.check()
}
