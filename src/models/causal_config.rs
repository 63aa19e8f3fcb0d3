//! What `config.json` and `generation_config.json` say of a decoder-only model.

use super::fields::Fields;
use super::{generation, gpt2, llama};
use crate::error::{Error, Result};
use crate::ops::activation::Activation;
use crate::ops::norm::Kind;
use crate::site::{Block, Part, Site, Stack};

/// The shape of a decoder-only model.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// By whose names and habits.
    pub family: Family,
    /// L.
    pub layers: usize,
    /// H.
    pub heads: usize,
    /// G, which divides H.
    pub key_value_heads: usize,
    /// K.
    pub head_width: usize,
    /// D.
    pub model_width: usize,
    /// F.
    pub inner_width: usize,
    /// V.
    pub vocabulary: usize,
    /// Positions that the model was trained on, and, if they are learned, that there are.
    pub max_positions: usize,
    /// How it knows positions.
    pub positions: Positions,
    /// Which norm stands in front of blocks and of the head.
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
    /// Whether the logits are taken with the embeddings.
    pub tie_head: bool,
    /// Tokens that end a text.
    pub end_tokens: Vec<u32>,
}

/// Families of decoder-only models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// GPT-2.
    Gpt2,
    /// Llama and its like.
    Llama,
}

impl Family {
    /// `model_type` of transformers.
    pub fn name(self) -> &'static str {
        match self {
            Family::Gpt2 => "gpt2",
            Family::Llama => "llama",
        }
    }
}

/// How a model knows where a token stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Positions {
    /// By a vector for each position, which is added to the token's.
    Learned,
    /// By turning queries and keys.
    Rotary {
        /// Pair i turns by `θ^(−2i/K)` a position.
        theta: f64,
    },
}

/// Sizes beyond these are a broken file; below them no product of sizes overflows.
pub(super) const MOST: usize = 1 << 20;
pub(super) const MOST_LAYERS: usize = 1000;

/// Fields of config.json that describe training, other uses or other libraries.
const HARMLESS: &str = "\
    _attn_implementation_autoset _commit_hash _name_or_path _num_labels architectures \
    bos_token_id chunk_size_feed_forward dtype finetuning_task gradient_checkpointing id2label \
    initializer_range keys_to_ignore_at_inference label2id output_attentions \
    output_hidden_states output_past pad_token_id prefix problem_type return_dict sep_token_id \
    task_specific_params tf_legacy_loss tokenizer_class torch_dtype torchscript \
    transformers.js_config transformers_version use_bfloat16 use_cache";

/// Fields about writing that are the caller's choice: how long, and how to draw tokens.
const CHOSEN: &str = "\
    bos_token_id do_sample max_length max_new_tokens pad_token_id repetition_penalty";

impl Config {
    /// Reads both files; an empty `generation` stands for one that is not there.
    pub fn parse(config: &str, generation: &str) -> Result<Config> {
        let mut fields = Fields::parse("config.json", config)?;
        let model_type = fields.take("model_type");
        let mut config = match model_type.as_ref().and_then(|value| value.as_str()) {
            Some("gpt2") => gpt2::read_config(&mut fields)?,
            Some("llama") => llama::read_config(&mut fields)?,
            _ => {
                let missing = || fields.missing("model_type", "\"gpt2\" or \"llama\"");
                let wrong = |found| fields.error("model_type", "\"gpt2\" or \"llama\"", found);
                return Err(model_type.as_ref().map_or_else(missing, wrong));
            }
        };
        config.end_tokens = read_end_tokens(&mut fields, generation, config.vocabulary)?;
        fields.ignore(HARMLESS);
        fields.finish()?;
        config.check()?;
        Ok(config)
    }

    /// Kernels read four values at a time, and keep a head in the registers of a few lanes.
    pub fn check(&self) -> Result<()> {
        let error = |field: &str, expected: &str, found: usize| {
            Err(Error::config(format!("config.json: {field}"), expected, found.to_string()))
        };
        if !self.head_width.is_multiple_of(4) || self.head_width > 128 {
            return error("width of a head", "a multiple of 4, at most 128", self.head_width);
        }
        for (field, size) in [("model width", self.model_width), ("inner width", self.inner_width)]
        {
            if !size.is_multiple_of(4) {
                return error(field, "a multiple of 4", size);
            }
        }
        Ok(())
    }

    /// Sites of a chunk of the prompt, in order.
    pub fn prompt_sites(&self) -> Vec<Site> {
        let mut sites = vec![Site::DECODER_EMBEDDING];
        if self.positions == Positions::Learned {
            sites.push(Site::DECODER_POSITION);
        }
        let inner: &[Part] = match self.gated {
            true => &[Part::Gate, Part::Up],
            false => &[Part::PreActivation],
        };
        for layer in 0..self.layers {
            let attention = |part: &Part| Site::decoder(layer, Block::SelfAttention, *part);
            let forward = |part: &Part| Site::decoder(layer, Block::FeedForward, *part);
            sites.extend(ATTENTION.iter().map(attention));
            sites.push(forward(&Part::Norm));
            sites.extend(inner.iter().map(forward));
            sites.extend([Part::Activation, Part::Output, Part::Residual].iter().map(forward));
        }
        sites
    }

    /// Sites of one step, in order: all that there are.
    pub fn sites(&self) -> Vec<Site> {
        let mut sites = self.prompt_sites();
        sites.extend([Site::Norm(Stack::Decoder), Site::Logits, Site::Probabilities]);
        sites
    }
}

const ATTENTION: [Part; 11] = [
    Part::Norm,
    Part::Query,
    Part::Key,
    Part::Value,
    Part::Slot,
    Part::Ring,
    Part::Scores,
    Part::Weights,
    Part::Context,
    Part::Output,
    Part::Residual,
];

/// The tokens that end a text, by generation_config.json or else by config.json.
fn read_end_tokens(fields: &mut Fields, text: &str, vocabulary: usize) -> Result<Vec<u32>> {
    let field = "eos_token_id";
    let mut tokens = fields.tokens(field, vocabulary)?;
    if !text.trim().is_empty() {
        let mut own = Fields::parse("generation_config.json", text)?;
        let named = own.tokens(field, vocabulary)?;
        if !named.is_empty() {
            tokens = named;
        }
        account(&mut own)?;
        own.finish()?;
    }
    account(fields)?;
    Ok(tokens)
}

/// Accounts for the fields about writing.
fn account(fields: &mut Fields) -> Result<()> {
    fields.ignore(CHOSEN);
    fields.only(generation::ONLY)?;
    fields.ignore(generation::HARMLESS);
    Ok(())
}
