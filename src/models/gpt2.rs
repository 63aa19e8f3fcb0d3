//! GPT-2: learned positions, layer norms in front of the blocks, `model_type` "gpt2" of transformers.

use crate::error::Result;
use crate::layers::{At, FeedForward, Frame, Heads, Inner, Normed, SelfAttention};
use crate::loading::{Layout, Loader, Part};
use crate::models::causal::{Causal, Layer, embeddings};
use crate::models::causal_config::{Config, Family, MOST, MOST_LAYERS, Positions};
use crate::models::fields::Fields;
use crate::ops::norm::Kind;
use crate::site::Stack;
use crate::weights::Weights;

/// A layer. Hugging Face's files of GPT-2 have a row for each input: Conv1D, its code calls that.
fn layer(config: &Config, layer: usize, weights: &Weights, loader: &Loader) -> Result<Layer> {
    let at = At { stack: Stack::Decoder, layer };
    let Config { model_width: width, inner_width: inner, .. } = *config;
    let layout = if weights.header().metadata.is_some() { Layout::Rows } else { Layout::Columns };
    let product = |name, outputs, inputs| {
        loader.matrix(inputs, &[Part::new(&weights.pp(name), outputs, true, layout)])
    };
    let norm = |name| {
        let norm = loader.norm(weights, name, width, config.norm, config.epsilon)?;
        Ok(Normed::Before(norm))
    };
    Ok(Layer {
        self_attention: SelfAttention {
            at,
            heads: Heads::alone(config.heads as u32, config.head_width as u32),
            query_key_value: product("attn.c_attn", 3 * width, width)?,
            frame: Frame { norm: norm("ln_1")?, output: product("attn.c_proj", width, width)? },
            rotary: None,
        },
        feed_forward: FeedForward {
            at,
            inner: Inner::Plain(product("mlp.c_fc", inner, width)?),
            activation: config.activation,
            frame: Frame { norm: norm("ln_2")?, output: product("mlp.c_proj", width, inner)? },
        },
    })
}

/// Reads the weights. Names may begin with `transformer.`, as those of GPT2LMHeadModel do.
pub(super) fn load(config: Config, weights: &Weights, loader: &Loader) -> Result<Causal> {
    let model = match weights.contains("wte.weight") {
        true => weights.clone(),
        false => weights.pp("transformer"),
    };
    let names = match weights.contains("wte.weight") {
        true => ["wte.weight", "wpe.weight", "lm_head.weight"],
        false => ["transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight"],
    };
    let (embedding, head) = embeddings(&config, weights, loader, names)?;
    let layers = model.pp("h");
    Ok(Causal {
        embedding,
        layers: (0..config.layers)
            .map(|index| layer(&config, index, &layers.pp(index), loader))
            .collect::<Result<_>>()?,
        norm: loader.norm(&model, "ln_f", config.model_width, config.norm, config.epsilon)?,
        head,
        config,
    })
}

/// Fields of config.json that must be as the engine computes, if they are there.
const ONLY: &[(&str, &str)] = &[
    ("scale_attn_weights", "true"),
    ("scale_attn_by_inverse_layer_idx", "false"),
    ("add_cross_attention", "false"),
];

/// Fields of config.json that describe training or another use.
const HARMLESS: &str = "\
    attn_pdrop embd_pdrop reorder_and_upcast_attn resid_pdrop summary_activation \
    summary_first_dropout summary_proj_to_labels summary_type summary_use_proj";

/// The shape that config.json describes.
pub(super) fn read_config(fields: &mut Fields) -> Result<Config> {
    fields.only(ONLY)?;
    fields.ignore(HARMLESS);
    let model_width = fields.size("n_embd", MOST)?;
    let heads = fields.size("n_head", model_width)?;
    let max_positions = fields.size("n_positions", MOST)?;
    fields.number("n_ctx", max_positions, max_positions)?;
    Ok(Config {
        family: Family::Gpt2,
        layers: fields.size("n_layer", MOST_LAYERS)?,
        heads,
        key_value_heads: heads,
        head_width: fields.quotient("n_embd", model_width, "n_head", heads)?,
        model_width,
        inner_width: fields.number("n_inner", 1, MOST)?.unwrap_or(4 * model_width),
        vocabulary: fields.size("vocab_size", MOST)?,
        max_positions,
        positions: Positions::Learned,
        norm: Kind::Layer,
        epsilon: fields.real("layer_norm_epsilon", 1e-5)? as f32,
        activation: fields.activation("activation_function", "gelu_new")?,
        gated: false,
        attention_bias: true,
        inner_bias: true,
        tie_head: fields.truth("tie_word_embeddings", true)?,
        end_tokens: vec![],
    })
}
