//! GPT-2: learned positions, layer norms in front of the blocks, `model_type` "gpt2" of transformers.

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
use crate::weights::Weights;

/// The row of the table.
pub const FAMILY: Family = Family {
    name: "gpt2",
    read,
    load,
    unlearned: &[".attn.bias", ".attn.masked_bias", "lm_head.weight"],
};

/// A layer. Hugging Face's files of GPT-2 have a row for each input: Conv1D, its code calls that.
fn layer(
    config: &Config,
    sizes: Sizes,
    layer: usize,
    weights: &Weights,
    loader: &Loader,
) -> Result<Layer> {
    let at = At { stack: Name::Decoder, layer };
    let [width, inner] = [config.model_width, sizes.inner_width];
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
            heads: Heads::alone(sizes.heads as u32, sizes.head_width as u32),
            query_key_value: product("attn.c_attn", 3 * width, width)?,
            frame: Frame { norm: norm("ln_1")?, output: product("attn.c_proj", width, width)? },
            rotary: None,
        },
        cross_attention: None,
        feed_forward: FeedForward {
            at,
            inner: Inner::Plain(product("mlp.c_fc", inner, width)?),
            activation: config.activation,
            frame: Frame { norm: norm("ln_2")?, output: product("mlp.c_proj", width, inner)? },
        },
    })
}

/// Reads the weights. Names may begin with `transformer.`, as those of GPT2LMHeadModel do.
fn load(config: Config, weights: &Weights, loader: &Loader) -> Result<Transformer> {
    let sizes = config.decoder.expect("a decoder");
    let is_bare = weights.contains("wte.weight");
    let model = if is_bare { weights.clone() } else { weights.pp("transformer") };
    let names = match is_bare {
        true => ["wte.weight", "wpe.weight", "lm_head.weight"],
        false => ["transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight"],
    };
    let Embeddings { embedding, head } = decoder_only::embeddings(&config, weights, loader, names)?;
    let layers = model.pp("h");
    let layer = |index| layer(&config, sizes, index, &layers.pp(index), loader);
    let layers = (0..sizes.layers).map(layer).collect::<Result<_>>()?;
    let norm = loader.norm(&model, "ln_f", config.model_width, config.norm, config.epsilon)?;
    let decoder = Stack { embedding, layers, norm: Some(norm) };
    Ok(Transformer { encoder: None, decoder: Some(decoder), head, config })
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

/// The shape that the files describe.
fn read(fields: &mut Fields, generation: &str) -> Result<Config> {
    fields.only(ONLY)?;
    fields.ignore(HARMLESS);
    fields.ignore(decoder_only::HARMLESS);
    let model_width = fields.size("n_embd", MOST)?;
    let heads = fields.size("n_head", model_width)?;
    let max_positions = fields.size("n_positions", MOST)?;
    fields.number("n_ctx", max_positions, max_positions)?;
    let decoder = Sizes {
        layers: fields.size("n_layer", MOST_LAYERS)?,
        heads,
        key_value_heads: heads,
        head_width: fields.quotient("n_embd", model_width, "n_head", heads)?,
        inner_width: fields.number("n_inner", 1, MOST)?.unwrap_or(4 * model_width),
    };
    let vocabulary = fields.size("vocab_size", MOST)?;
    Ok(Config {
        family: FAMILY.name,
        encoder: None,
        decoder: Some(decoder),
        model_width,
        source_vocabulary: vocabulary,
        vocabulary,
        max_positions,
        positions: Positions::Learned,
        norm: Kind::Layer,
        epsilon: fields.real("layer_norm_epsilon", 1e-5)? as f32,
        activation: fields.activation("activation_function", "gelu_new")?,
        gated: false,
        attention_bias: true,
        inner_bias: true,
        scale_embedding: false,
        share_embeddings: false,
        tie_head: fields.truth("tie_word_embeddings", true)?,
        generation: Generation::read_writer(fields, generation, vocabulary)?,
    })
}
