//! Llama and its like (SmolLM2, TinyLlama): rotary positions, RMS norms, gated inner layers, grouped heads.

use serde_json::Value;

use crate::error::Result;
use crate::layers::{At, FeedForward, Frame, Heads, Inner, Normed, SelfAttention};
use crate::loading::{Layout, Loader, Part};
use crate::models::config::{Config, MOST, MOST_LAYERS, Positions, Stack as Sizes};
use crate::models::decoder_only::{self, Embeddings};
use crate::models::family::Family;
use crate::models::fields::Fields;
use crate::models::generation::Generation;
use crate::models::transformer::{Layer, Stack, Transformer};
use crate::ops::norm::Kind;
use crate::site::Stack as Name;
use crate::tensor::Tensor;
use crate::weights::Weights;

/// The row of the table.
pub const FAMILY: Family =
    Family { name: "llama", read, load, unlearned: &[".rotary_emb.inv_freq", "lm_head.weight"] };

/// A layer. transformers turns values i and i + K/2 of a head together, GGUF and the engine turn
/// neighbours.
fn layer(
    config: &Config,
    sizes: Sizes,
    layer: usize,
    weights: &Weights,
    loader: &Loader,
    rotary: Option<Tensor>,
) -> Result<Layer> {
    let at = At { stack: Name::Decoder, layer };
    let width = config.model_width;
    let Sizes { heads: queries, key_value_heads: keys, head_width, inner_width: inner, .. } = sizes;
    let turned = match weights.header().metadata {
        Some(_) => Layout::Rows,
        None => Layout::Halves { width: head_width },
    };
    let attended = |name, outputs, layout| {
        Part::new(&weights.pp(name), outputs, config.attention_bias, layout)
    };
    let forward =
        |name, outputs| Part::new(&weights.pp(name), outputs, config.inner_bias, Layout::Rows);
    let norm = |name| {
        let norm = loader.norm(weights, name, width, config.norm, config.epsilon)?;
        Ok(Normed::Before(norm))
    };
    Ok(Layer {
        self_attention: SelfAttention {
            at,
            heads: Heads { queries: queries as u32, keys: keys as u32, width: head_width as u32 },
            query_key_value: loader.matrix(
                width,
                &[
                    attended("self_attn.q_proj", queries * head_width, turned),
                    attended("self_attn.k_proj", keys * head_width, turned),
                    attended("self_attn.v_proj", keys * head_width, Layout::Rows),
                ],
            )?,
            frame: Frame {
                norm: norm("input_layernorm")?,
                output: loader.matrix(
                    queries * head_width,
                    &[attended("self_attn.o_proj", width, Layout::Rows)],
                )?,
            },
            rotary,
        },
        cross_attention: None,
        feed_forward: FeedForward {
            at,
            inner: Inner::Gated(loader.matrix(
                width,
                &[forward("mlp.gate_proj", inner), forward("mlp.up_proj", inner)],
            )?),
            activation: config.activation,
            frame: Frame {
                norm: norm("post_attention_layernorm")?,
                output: loader.matrix(inner, &[forward("mlp.down_proj", width)])?,
            },
        },
    })
}

/// Reads the weights. The names are those of transformers' LlamaForCausalLM.
fn load(config: Config, weights: &Weights, loader: &Loader) -> Result<Transformer> {
    let sizes = config.decoder.expect("a decoder");
    let names = ["model.embed_tokens.weight", "no positions", "lm_head.weight"];
    let Embeddings { embedding, head } = decoder_only::embeddings(&config, weights, loader, names)?;
    let rotary = decoder_only::rotary_table(&config, sizes.head_width, loader)?;
    let model = weights.pp("model");
    let layers = model.pp("layers");
    let layer = |index| layer(&config, sizes, index, &layers.pp(index), loader, rotary);
    let layers = (0..sizes.layers).map(layer).collect::<Result<_>>()?;
    let norm = loader.norm(&model, "norm", config.model_width, config.norm, config.epsilon)?;
    let decoder = Stack { embedding, layers, norm: Some(norm) };
    Ok(Transformer { encoder: None, decoder: Some(decoder), head, config })
}

/// Fields of config.json that must be as the engine computes, if they are there.
const ONLY: &[(&str, &str)] = &[("pretraining_tp", "1"), ("partial_rotary_factor", "1")];

/// Fields of config.json that describe training or another use. `rope_interleaved` is one that no
/// code of transformers reads, and SmolLM2's config has.
const HARMLESS: &str = "attention_dropout is_llama_config rope_interleaved";

/// The shape that the files describe.
fn read(fields: &mut Fields, generation: &str) -> Result<Config> {
    fields.only(ONLY)?;
    fields.ignore(HARMLESS);
    fields.ignore(decoder_only::HARMLESS);
    let model_width = fields.size("hidden_size", MOST)?;
    let heads = fields.size("num_attention_heads", MOST)?;
    let key_value_heads = fields.number("num_key_value_heads", 1, heads)?.unwrap_or(heads);
    fields.quotient("num_attention_heads", heads, "num_key_value_heads", key_value_heads)?;
    let head_width = match fields.number("head_dim", 1, MOST)? {
        Some(width) => width,
        None => fields.quotient("hidden_size", model_width, "num_attention_heads", heads)?,
    };
    let decoder = Sizes {
        layers: fields.size("num_hidden_layers", MOST_LAYERS)?,
        heads,
        key_value_heads,
        head_width,
        inner_width: fields.size("intermediate_size", MOST)?,
    };
    let vocabulary = fields.size("vocab_size", MOST)?;
    Ok(Config {
        family: FAMILY.name,
        encoder: None,
        decoder: Some(decoder),
        model_width,
        source_vocabulary: vocabulary,
        vocabulary,
        max_positions: fields.size("max_position_embeddings", MOST)?,
        positions: Positions::Rotary { theta: read_theta(fields)? },
        norm: Kind::Rms,
        epsilon: fields.real("rms_norm_eps", 1e-6)? as f32,
        activation: fields.activation("hidden_act", "silu")?,
        gated: true,
        attention_bias: fields.truth("attention_bias", false)?,
        inner_bias: fields.truth("mlp_bias", false)?,
        scale_embedding: false,
        share_embeddings: false,
        tie_head: fields.truth("tie_word_embeddings", false)?,
        generation: Generation::read_writer(fields, generation, vocabulary)?,
    })
}

/// θ of rotary positions; transformers 5 has it in `rope_parameters`, which may ask for more.
fn read_theta(fields: &mut Fields) -> Result<f64> {
    let theta = fields.real("rope_theta", 10_000.0)?;
    for field in ["rope_scaling", "rope_parameters"] {
        let Some(value) = fields.take(field) else { continue };
        let kind = value.get("rope_type").or(value.get("type"));
        let plain = |name: &&String| ["rope_theta", "rope_type", "type"].contains(&name.as_str());
        let known = value.as_object().is_some_and(|map| map.keys().all(|name| plain(&name)));
        if !known || kind.is_some_and(|kind| kind != "default") {
            let expected = "nothing but rope_theta, and rope_type \"default\"";
            return Err(fields.error(field, expected, &value));
        }
        if let Some(theta) = value.get("rope_theta").and_then(Value::as_f64).filter(|t| *t > 0.0) {
            return Ok(theta);
        }
    }
    Ok(theta)
}
