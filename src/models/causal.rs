//! A decoder-only model, of whatever family: embedding, blocks with their norms in front, a last norm, the head.

use crate::error::Result;
use crate::layers::{FeedForward, SelfAttention};
use crate::loading::{Layout, Loader, Part};
use crate::models::causal_config::{Config, Family, Positions};
use crate::models::{gpt2, llama};
use crate::ops::attention::Keys;
use crate::ops::embed::{Embedding, Tokens};
use crate::ops::linear::Epilogue;
use crate::ops::norm::Norm;
use crate::ops::rotary;
use crate::ops::store::Ring;
use crate::ops::weight::Weight;
use crate::site::{Site, Stack};
use crate::tape::{Tape, Tensor};
use crate::weights::Weights;

/// How names end of what a file may hold beside the weights: GPT-2's masks, rotary frequencies, and
/// the table once more as the head.
const UNLEARNED: [&str; 4] =
    [".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq", "lm_head.weight"];

/// The model: its weights on a device.
pub struct Causal {
    /// Its sizes and habits.
    pub config: Config,
    pub(super) embedding: Embedding,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Norm,
    pub(super) head: Weight,
}

/// One layer.
pub(super) struct Layer {
    pub self_attention: SelfAttention,
    pub feed_forward: FeedForward,
}

impl Causal {
    /// Takes in `tokens` `[1, T]` of a prompt, the first of which has the position in StepState
    /// `state`: fills the rings, one a layer. The token after the last of them is not guessed.
    pub fn prefill(&self, tape: &mut Tape, tokens: Tensor, state: Tensor, rings: &[Ring]) {
        let x = tape.embed(Tokens::Chunk { ids: tokens, state }, &self.embedding);
        self.blocks(tape, x, rings, |ring| Keys::Chunk { state, ring });
    }

    /// One step: the token in StepState `state` gives the logits `[1, 1, V]` of the next.
    pub fn step(&self, tape: &mut Tape, state: Tensor, rings: &[Ring]) -> Tensor {
        let x = tape.embed(Tokens::Step { state, batch: 1 }, &self.embedding);
        let x = self.blocks(tape, x, rings, |ring| Keys::Ring { state, ring });
        let x = tape.norm(x, &self.norm);
        tape.trace(Site::Norm(Stack::Decoder), x);
        let logits = tape.linear(x, &self.head, Epilogue::Plain);
        tape.trace_columns(Site::Logits, logits, 0, logits.width(), &[1, logits.width()]);
        logits
    }

    fn blocks(
        &self,
        tape: &mut Tape,
        mut x: Tensor,
        rings: &[Ring],
        keys: impl Fn(Ring) -> Keys,
    ) -> Tensor {
        for (layer, ring) in self.layers.iter().zip(rings) {
            x = layer.self_attention.forward(tape, x, keys(*ring));
            x = layer.feed_forward.forward(tape, x);
        }
        x
    }

    /// Reads the weights, by the names that transformers gives them in this family.
    pub fn load(config: Config, weights: &Weights, loader: &Loader) -> Result<Causal> {
        let model = match config.family {
            Family::Gpt2 => gpt2::load(config, weights, loader)?,
            Family::Llama => llama::load(config, weights, loader)?,
        };
        weights.all_read(&UNLEARNED)?;
        Ok(model)
    }
}

/// The table of tokens, positions to add to it if they are learned, and the head, which may be the
/// table once more. `names` are those of the table, of positions, and of a head of its own.
pub(super) fn embeddings(
    config: &Config,
    weights: &Weights,
    loader: &Loader,
    names: [&str; 3],
) -> Result<(Embedding, Weight)> {
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
        Positions::Rotary { .. } => None,
        Positions::Learned => Some(loader.table(weights, positions, shape)?),
    };
    let sites = [Site::DECODER_EMBEDDING, Site::DECODER_POSITION];
    Ok((Embedding { table, positions, scale: 1.0, sites }, head))
}

/// The table by which queries and keys turn, if they do.
pub(super) fn rotary_table(config: &Config, loader: &Loader) -> Result<Option<Tensor>> {
    let Positions::Rotary { theta } = config.positions else { return Ok(None) };
    let width = config.head_width as u32;
    let table = rotary::table(width, theta);
    loader.values("rotary positions", &table, &[2, table.len() as u32 / 2 / width, width]).map(Some)
}
