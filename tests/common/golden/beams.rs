//! What transformers' beam search finds, with small models and with the shipped translator.

use serde_json::Value;

use super::json::{list, lists, number, rows, text, whole};

/// One search over a batch.
pub struct Search {
    /// The folder of the model.
    pub model: String,
    /// Sources, or one prompt.
    pub inputs: Vec<Vec<u32>>,
    /// What each target is to begin with, one a row; none where there is no such thing.
    pub prefixes: Vec<Vec<u32>>,
    /// 1 is greedy writing.
    pub beams: u32,
    pub length_penalty: f64,
    pub early_stopping: EarlyStopping,
    /// New tokens at most.
    pub max_tokens: u32,
    pub end_tokens: Vec<u32>,
    /// Whether what the limit cuts ends in an end token for nothing, as `forced_eos_token_id` says.
    pub forced_end: bool,
    /// Whether probabilities add up to 1 without the banned padding; else it keeps its share.
    pub renormalized: bool,
    /// The least distance of two values that a decision hung on.
    pub least_gap: f64,
    /// Of each row as many as beams, best first.
    pub hypotheses: Vec<Vec<Hypothesis>>,
}

/// When a sentence with as many hypotheses as beams has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlyStopping {
    /// When the best that goes on, were it to end here, is no better than the worst that is kept.
    No,
    /// At once.
    Yes,
    /// When it could not be better even at the limit.
    Never,
}

/// A finished target.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// New tokens, an end token included.
    pub ids: Vec<u32>,
    /// The sum of their log-probabilities by a power of their number.
    pub score: f64,
}

/// All searches of a model.
pub fn searches(model: &str) -> Vec<Search> {
    let rows = rows(include_str!("../../golden/beams.json"));
    rows.iter().filter(|row| row["model"] == model).map(search).collect()
}

fn search(row: &Value) -> Search {
    let all = lists(&row["ids"], |ids| list(ids, whole)).into_iter();
    let rows = all.zip(lists(&row["scores"], number));
    let hypotheses = |(all, scores): (Vec<Vec<u32>>, Vec<f64>)| {
        all.into_iter().zip(scores).map(|(ids, score)| Hypothesis { ids, score }).collect()
    };
    Search {
        model: text(row, "model"),
        inputs: lists(&row["inputs"], whole),
        prefixes: lists(&row["prefixes"], whole),
        beams: whole(&row["beams"]),
        length_penalty: number(&row["length_penalty"]),
        early_stopping: match &row["early_stopping"] {
            Value::Bool(false) => EarlyStopping::No,
            Value::Bool(true) => EarlyStopping::Yes,
            _ => EarlyStopping::Never,
        },
        max_tokens: whole(&row["max_tokens"]),
        end_tokens: list(&row["end_tokens"], whole),
        forced_end: row["forced_end"] == true,
        renormalized: row["renormalized"] == true,
        least_gap: number(&row["least_gap"]),
        hypotheses: rows.map(hypotheses).collect(),
    }
}

/// An everyday sentence and its best translations, by the shipped translator in f32.
pub struct Everyday {
    pub source: String,
    pub source_ids: Vec<u32>,
    /// With four beams.
    pub text: String,
    /// For each number of beams.
    pub found: Vec<Found>,
}

/// The best hypothesis, with a length penalty of 1, no early stopping and 64 tokens at most.
pub struct Found {
    pub beams: u32,
    pub best: Hypothesis,
    /// The least distance of two values that a decision hung on.
    pub least_gap: f64,
}

/// All everyday sentences.
pub fn everyday() -> Vec<Everyday> {
    let found = |row: &Value| Found {
        beams: whole(&row["beams"]),
        best: Hypothesis { ids: list(&row["ids"], whole), score: number(&row["score"]) },
        least_gap: number(&row["least_gap"]),
    };
    let sentence = |row: &Value| Everyday {
        source: text(row, "source"),
        source_ids: list(&row["source_ids"], whole),
        text: text(row, "text"),
        found: list(&row["beams"], found),
    };
    rows(include_str!("../../golden/everyday_beams.json")).iter().map(sentence).collect()
}
