//! The shape of a model, of whatever family: its stacks, their sizes, how it knows positions and how it writes.

use super::generation::Generation;
use crate::error::{Error, Result};
use crate::ops::activation::Activation;
use crate::ops::norm::Kind;

/// The shape of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `model_type` of transformers.
    pub family: &'static str,
    /// Reads a source.
    pub encoder: Option<Stack>,
    /// Writes a target, or a text.
    pub decoder: Option<Stack>,
    /// D.
    pub model_width: usize,
    /// Tokens that the encoder knows, if there is one.
    pub source_vocabulary: usize,
    /// V, tokens that are written.
    pub vocabulary: usize,
    /// Positions that the model was trained on, and, unless they are rotary, that there are.
    pub max_positions: usize,
    /// How it knows them.
    pub positions: Positions,
    /// Which norms it has.
    pub norm: Kind,
    /// ε of the norms.
    pub epsilon: f32,
    /// Between the products of a feed-forward block.
    pub activation: Activation,
    /// Whether the inner layer is gated.
    pub gated: bool,
    /// Whether the products of attention have biases.
    pub attention_bias: bool,
    /// Whether those of the inner layer have.
    pub inner_bias: bool,
    /// Whether embeddings are multiplied by `√D`.
    pub scale_embedding: bool,
    /// Whether encoder and decoder embed tokens with one matrix.
    pub share_embeddings: bool,
    /// Whether the logits are taken with the decoder's embeddings.
    pub tie_head: bool,
    /// How it writes.
    pub generation: Generation,
}

/// Sizes of the encoder or of the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stack {
    /// L.
    pub layers: usize,
    /// H.
    pub heads: usize,
    /// G, which divides H.
    pub key_value_heads: usize,
    /// K.
    pub head_width: usize,
    /// F.
    pub inner_width: usize,
}

/// How a model knows where a token stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Positions {
    /// By sines and cosines, which are added to the token's vector.
    Sinusoidal,
    /// By a learned vector for each position, added to the token's.
    Learned,
    /// By turning queries and keys.
    Rotary {
        /// Pair i turns by `θ^(−2i/K)` a position.
        theta: f64,
    },
}

impl Positions {
    /// Its name in the npm package.
    pub fn name(self) -> &'static str {
        match self {
            Positions::Sinusoidal => "sinusoidal",
            Positions::Learned => "learned",
            Positions::Rotary { .. } => "rotary",
        }
    }
}

/// Which stacks a model has, and so what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Translates a source.
    EncoderDecoder,
    /// Writes on.
    DecoderOnly,
    /// Reads, and fills in.
    EncoderOnly,
}

impl Architecture {
    /// As the npm package spells it.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::EncoderDecoder => "encoder-decoder",
            Architecture::DecoderOnly => "decoder-only",
            Architecture::EncoderOnly => "encoder-only",
        }
    }

    /// The architecture of that name.
    pub fn parse(name: &str) -> Option<Architecture> {
        let all =
            [Architecture::EncoderDecoder, Architecture::DecoderOnly, Architecture::EncoderOnly];
        all.into_iter().find(|known| known.name() == name)
    }
}

/// Sizes beyond these are a broken file; below them no product of sizes overflows.
pub(super) const MOST: usize = 1 << 20;
pub(super) const MOST_LAYERS: usize = 1000;

/// Fields of config.json that describe training, other uses or other libraries, in any family.
pub(super) const HARMLESS: &str = "\
    _attn_implementation_autoset _commit_hash _name_or_path _num_labels architectures \
    bos_token_id chunk_size_feed_forward dtype finetuning_task gradient_checkpointing id2label \
    keys_to_ignore_at_inference label2id output_attentions output_hidden_states output_past \
    prefix problem_type return_dict sep_token_id task_specific_params tf_legacy_loss \
    tokenizer_class torch_dtype torchscript transformers.js_config transformers_version \
    use_bfloat16 use_cache";

impl Config {
    /// Which stacks it has.
    pub fn architecture(&self) -> Architecture {
        match (&self.encoder, &self.decoder) {
            (Some(_), Some(_)) => Architecture::EncoderDecoder,
            (None, _) => Architecture::DecoderOnly,
            (Some(_), None) => Architecture::EncoderOnly,
        }
    }

    /// The tokens that the first stack takes in.
    pub fn input_vocabulary(&self) -> usize {
        if self.encoder.is_some() { self.source_vocabulary } else { self.vocabulary }
    }

    /// What token embeddings are multiplied by.
    pub fn embedding_scale(&self) -> f32 {
        if self.scale_embedding { (self.model_width as f32).sqrt() } else { 1.0 }
    }

    /// Kernels read four values at a time, and keep a head in the registers of a few lanes.
    pub(super) fn check(&self) -> Result<()> {
        let error = |field: &str, expected: &str, found: usize| {
            Err(Error::config(format!("config.json: {field}"), expected, found.to_string()))
        };
        for stack in self.encoder.iter().chain(&self.decoder) {
            if !stack.head_width.is_multiple_of(4) || stack.head_width > 128 {
                return error("width of a head", "a multiple of 4, at most 128", stack.head_width);
            }
            if !stack.inner_width.is_multiple_of(4) {
                return error("inner width", "a multiple of 4", stack.inner_width);
            }
        }
        match self.model_width.is_multiple_of(4) {
            true => Ok(()),
            false => error("model width", "a multiple of 4", self.model_width),
        }
    }
}
