//! What follows from a task: how far each row may go, how large rings are; and what is refused.

use crate::decode::{Input, Task};
use crate::error::{Error, Result};
use crate::models::config::{Config, Positions};
use crate::ops::rotary;
use crate::ops::sampling::Sampling;

/// The most candidates that a step may list.
const MOST_CANDIDATES: usize = 64;
/// The most rows of a batch.
const MOST_ROWS: usize = 64;
/// Slots of a ring at most.
const MOST_SLOTS: u32 = 1 << 16;
/// Slots of a ring, if nobody says how many and the text may go on for ever.
const ENDLESS: u32 = 1024;

/// What follows from a task.
pub(super) struct Limits {
    /// C
    pub ring_capacity: u32,
    /// Of each row the position of the first token that will not be taken in any more.
    pub ends: Vec<u32>,
}

/// Refuses what can't be run.
pub(super) fn check(config: &Config, task: &Task) -> Result<()> {
    if task.inputs.is_empty() || task.inputs.len() > MOST_ROWS {
        return wrong("rows of a batch", format!("1 to {MOST_ROWS}"), task.inputs.len());
    }
    for input in &task.inputs {
        check_input(config, input)?;
    }
    check_candidates(config, task.candidates)?;
    if let Some(capacity) = task.ring_capacity
        && !(capacity.is_power_of_two() && capacity <= MOST_SLOTS)
    {
        let expected = "a power of two up to 65,536".to_string();
        return wrong("slots of the K-V ring", expected, capacity as usize);
    }
    Ok(())
}

fn check_input(config: &Config, input: &Input) -> Result<()> {
    let [what, token] = match config.encoder {
        Some(_) => ["tokens of a source", "a source token"],
        None => ["tokens of the prompt", "a token of the prompt"],
    };
    let most = config.max_positions;
    if input.tokens.is_empty() || input.tokens.len() > most {
        return wrong(what, format!("1 to {most}"), input.tokens.len());
    }
    check_tokens(token, &input.tokens, config.input_vocabulary())?;
    if !input.prefix.is_empty() && config.encoder.is_none() {
        let expected = "none, where there is no source: they belong to the prompt".to_string();
        return wrong("tokens of a prefix", expected, input.prefix.len());
    }
    check_tokens("a token of the prefix", &input.prefix, config.vocabulary)?;
    let limit = most_tokens(config, input) as usize;
    if input.prefix.len() >= limit {
        return wrong("tokens of a prefix", format!("fewer than {limit}"), input.prefix.len());
    }
    if input.max_tokens == Some(0) {
        return wrong("tokens at most", "1 or more".to_string(), 0);
    }
    input.sampling.check()
}

/// Refuses tokens that a vocabulary has not.
pub(super) fn check_tokens(what: &str, tokens: &[u32], vocabulary: usize) -> Result<()> {
    match tokens.iter().find(|id| **id as usize >= vocabulary) {
        Some(id) => wrong(what, format!("below {vocabulary}, the vocabulary's size"), *id as usize),
        None => Ok(()),
    }
}

/// Refuses a number of candidates that can't be listed.
pub(super) fn check_candidates(config: &Config, candidates: u32) -> Result<()> {
    let listed = MOST_CANDIDATES.min(config.vocabulary);
    match (1..=listed).contains(&(candidates as usize)) {
        true => Ok(()),
        false => wrong("candidates", format!("1 to {listed}"), candidates as usize),
    }
}

/// Refuses what can't be chosen from after these tokens.
pub(super) fn check_choice(
    config: &Config,
    history: &[u32],
    sampling: &Sampling,
    candidates: u32,
) -> Result<()> {
    check_tokens("a token of the history", history, config.vocabulary)?;
    check_candidates(config, candidates)?;
    sampling.check()
}

fn wrong<T>(what: &str, expected: String, found: usize) -> Result<T> {
    Err(Error::input(what, expected, found.to_string()))
}

/// Tokens that a row's target, or what follows its prompt, may have.
fn most_tokens(config: &Config, input: &Input) -> u32 {
    let own = input.max_tokens.unwrap_or(u32::MAX);
    match config.encoder {
        Some(_) => {
            let allowed = config.generation.max_length.map_or(usize::MAX, |length| length - 1);
            own.min(allowed.min(config.max_positions) as u32)
        }
        None => own,
    }
}

/// How far rows go and how large rings are. Without a ring of the caller's choosing, nothing is
/// pushed out of it unasked while the model knows the positions.
pub(super) fn limits(config: &Config, task: &Task) -> Result<Limits> {
    let limits = match config.encoder {
        Some(_) => of_targets(config, task),
        None => of_texts(config, task),
    };
    if task.sinks >= limits.ring_capacity {
        let expected = format!("fewer than the {} slots of the ring", limits.ring_capacity);
        return wrong("attention sinks", expected, task.sinks as usize);
    }
    Ok(limits)
}

/// Of targets, which begin at the first position.
fn of_targets(config: &Config, task: &Task) -> Limits {
    // Enough for any sensible translation of a source of this length.
    let sensible = |tokens: usize| (2 * tokens as u32 + 16).next_power_of_two();
    let end = |input: &Input| match (task.ring_capacity, input.max_tokens) {
        (None, None) => {
            let room = sensible(input.tokens.len().max(input.prefix.len()));
            most_tokens(config, input).min(room)
        }
        _ => most_tokens(config, input),
    };
    let ends: Vec<u32> = task.inputs.iter().map(end).collect();
    let furthest = ends.iter().copied().max().unwrap_or(1);
    let ring_capacity = task.ring_capacity.unwrap_or(furthest.next_power_of_two());
    Limits { ring_capacity, ends }
}

/// Of texts, which go on from the last token of their prompts.
fn of_texts(config: &Config, task: &Task) -> Limits {
    let trained = config.max_positions as u32;
    let positions = match config.positions {
        Positions::Rotary { .. } => rotary::POSITIONS,
        Positions::Learned | Positions::Sinusoidal => trained,
    };
    let end = |input: &Input| {
        (input.tokens.len() as u32 - 1).saturating_add(most_tokens(config, input)).min(positions)
    };
    let ends: Vec<u32> = task.inputs.iter().map(end).collect();
    let room = |input: &Input| match (input.max_tokens, config.positions) {
        (None, Positions::Rotary { .. }) => ENDLESS.max(input.tokens.len() as u32 + 1),
        _ => end(input),
    };
    let furthest = task.inputs.iter().map(room).max().unwrap_or(1);
    let within = furthest.next_power_of_two().min(trained.next_power_of_two());
    Limits { ring_capacity: task.ring_capacity.unwrap_or(within), ends }
}
