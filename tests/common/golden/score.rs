//! The log-probability of every token of given targets and texts.

use serde_json::Value;

use super::json::{lists, number, rows, text, whole};

/// A batch of one model.
pub struct Scored {
    /// The folder of the model.
    pub model: String,
    /// Of a translator; none of a writer.
    pub sources: Vec<Vec<u32>>,
    /// Targets, or texts.
    pub targets: Vec<Vec<u32>>,
    /// Of each token of a target, or of each but the first of a text.
    pub log_probabilities: Vec<Vec<f64>>,
}

/// All batches, one a model.
pub fn scored() -> Vec<Scored> {
    let batch = |row: &Value| {
        let is_text = row.get("texts").is_some();
        let targets = if is_text { &row["texts"] } else { &row["targets"] };
        Scored {
            model: text(row, "model"),
            sources: if is_text { vec![] } else { lists(&row["sources"], whole) },
            targets: lists(targets, whole),
            log_probabilities: lists(&row["log_probabilities"], number),
        }
    };
    rows(include_str!("../../golden/score.json")).iter().map(batch).collect()
}
