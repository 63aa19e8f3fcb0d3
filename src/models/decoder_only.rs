//! What the decoder-only families have in common: a table of tokens that may be the head, too, and positions.

use crate::error::Result;
use crate::loading::{Layout, Loader, Part};
use crate::models::config::{Config, Positions};
use crate::ops::embed::Embedding;
use crate::ops::rotary;
use crate::ops::weight::Weight;
use crate::site::Site;
use crate::tensor::Tensor;
use crate::weights::Weights;

/// Fields of config.json that describe training or are the caller's choice.
pub(super) const HARMLESS: &str = "initializer_range pad_token_id";

/// How tokens become vectors, and vectors logits.
pub(super) struct Embeddings {
    pub embedding: Embedding,
    pub head: Weight,
}

/// The table of tokens, positions to add to it if they are learned, and the head, which may be the
/// table once more. `names` are those of the table, of positions, and of a head of its own.
pub(super) fn embeddings(
    config: &Config,
    weights: &Weights,
    loader: &Loader,
    names: [&str; 3],
) -> Result<Embeddings> {
    let [table_name, positions, head] = names;
    let matrix = |names: &[&str]| {
        let part = Part {
            weights: weights.clone(),
            name: weights.first_held(names).to_string(),
            bias: None,
            outputs: config.vocabulary,
            layout: Layout::Rows,
        };
        loader.matrix(config.model_width, &[part])
    };
    let table = match config.tie_head {
        true => matrix(&[table_name, head])?,
        false => matrix(&[table_name])?,
    };
    let head = if config.tie_head { table } else { matrix(&[head])? };
    let shape = [config.max_positions, config.model_width];
    let positions = match config.positions {
        Positions::Learned => Some(loader.table(weights, positions, shape)?),
        Positions::Rotary { .. } | Positions::Sinusoidal => None,
    };
    let sites = [Site::DECODER_EMBEDDING, Site::DECODER_POSITION];
    let scale = config.embedding_scale();
    Ok(Embeddings { embedding: Embedding { table, positions, scale, sites }, head })
}

/// The table by which queries and keys of `width` turn, if they do.
pub(super) fn rotary_table(
    config: &Config,
    width: usize,
    loader: &Loader,
) -> Result<Option<Tensor>> {
    let Positions::Rotary { theta } = config.positions else { return Ok(None) };
    let width = width as u32;
    let table = rotary::table(width, theta);
    loader.values("rotary positions", &table, &[2, table.len() as u32 / 2 / width, width]).map(Some)
}
