//! What `config.json` and `generation_config.json` say of a MarianMT model.

use super::config::{Config, MOST, MOST_LAYERS, Positions, Stack};
use super::fields::Fields;
use super::generation::Generation;
use crate::error::{Error, Result};
use crate::ops::norm::Kind;

/// Fields of config.json that describe training or another use.
const HARMLESS: &str = "\
    activation_dropout add_bias_logits attention_dropout classif_dropout classifier_dropout \
    decoder_layerdrop dropout encoder_layerdrop extra_pos_embeddings init_std language";

/// Fields of config.json that must be as the engine computes, if they are there.
const ONLY: &[(&str, &str)] = &[
    ("is_encoder_decoder", "true"),
    ("is_decoder", "false"),
    ("normalize_before", "false"),
    ("normalize_embedding", "false"),
    ("add_final_layer_norm", "false"),
    ("static_position_embeddings", "true"),
    ("add_cross_attention", "false"),
    ("tie_encoder_decoder", "false"),
];

/// The shape that the files describe. An empty `generation` stands for a checkpoint from before that
/// file was invented: its fields are in config.json then.
pub(super) fn read(fields: &mut Fields, generation: &str) -> Result<Config> {
    fields.only(ONLY)?;
    fields.ignore(HARMLESS);
    let model_width = fields.size("d_model", MOST)?;
    let encoder = read_stack(fields, "encoder", model_width)?;
    let decoder = read_stack(fields, "decoder", model_width)?;
    let source_vocabulary = fields.size("vocab_size", MOST)?;
    let share_embeddings = fields.truth("share_encoder_decoder_embeddings", true)?;
    // With shared embeddings transformers takes the source's vocabulary for both.
    let named = fields.number("decoder_vocab_size", 1, MOST)?.filter(|_| !share_embeddings);
    let vocabulary = named.unwrap_or(source_vocabulary);
    let max_positions = fields.size("max_position_embeddings", MOST)?;
    for (alias, size) in [
        ("hidden_size", model_width),
        ("num_hidden_layers", encoder.layers),
        ("num_attention_heads", encoder.heads),
    ] {
        fields.number(alias, size, size)?;
    }

    let activation = fields.activation("activation_function", "gelu")?;
    let scale_embedding = fields.truth("scale_embedding", false)?;
    let tie_head = fields.truth("tie_word_embeddings", true)?;
    let generation = Generation::read_translator(fields, generation, vocabulary, max_positions)?;
    if generation.pad_token as usize >= source_vocabulary {
        let expected = format!("a token id below {source_vocabulary}");
        return Err(Error::config("pad_token_id", expected, generation.pad_token.to_string()));
    }
    Ok(Config {
        family: "marian",
        encoder: Some(encoder),
        decoder: Some(decoder),
        model_width,
        source_vocabulary,
        vocabulary,
        max_positions,
        positions: Positions::Sinusoidal,
        norm: Kind::Layer,
        // PyTorch's.
        epsilon: 1e-5,
        activation,
        gated: false,
        attention_bias: true,
        inner_bias: true,
        scale_embedding,
        share_embeddings,
        tie_head,
        generation,
    })
}

/// Sizes of one of the stacks.
fn read_stack(fields: &mut Fields, stack: &str, model_width: usize) -> Result<Stack> {
    let layers = fields.size(&format!("{stack}_layers"), MOST_LAYERS)?;
    let heads = fields.size(&format!("{stack}_attention_heads"), model_width)?;
    let inner_width = fields.size(&format!("{stack}_ffn_dim"), MOST)?;
    if model_width.is_multiple_of(heads) {
        let head_width = model_width / heads;
        return Ok(Stack { layers, heads, key_value_heads: heads, head_width, inner_width });
    }
    let field = format!("{}, {stack}_attention_heads", fields.file());
    Err(Error::config(field, format!("a divisor of d_model {model_width}"), heads.to_string()))
}
