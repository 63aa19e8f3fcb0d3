//! What `config.json` and `generation_config.json` say of a MarianMT model.

use super::fields::Fields;
use super::generation::Generation;
use crate::error::{Error, Result};
use crate::ops::activation::Activation;
use crate::site::{Block, Part, Site};

/// The shape of a MarianMT model: post-norm layers, sinusoidal positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// D.
    pub model_width: usize,
    /// Sizes of the encoder.
    pub encoder: Stack,
    /// Sizes of the decoder.
    pub decoder: Stack,
    /// Tokens of the source language.
    pub source_vocabulary: usize,
    /// V, tokens of the target language.
    pub target_vocabulary: usize,
    /// Positions of a source or a target.
    pub max_positions: usize,
    /// Between the two products of a feed-forward block.
    pub activation: Activation,
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
    /// F.
    pub inner_width: usize,
}

/// Sizes beyond these are a broken file; below them no product of sizes overflows.
const MOST: usize = 1 << 20;
const MOST_LAYERS: usize = 1000;

/// Fields of config.json that describe training, other uses or other libraries.
const HARMLESS: &str = "\
    _attn_implementation_autoset _commit_hash _name_or_path _num_labels activation_dropout \
    add_bias_logits architectures attention_dropout bos_token_id chunk_size_feed_forward \
    classif_dropout classifier_dropout decoder_layerdrop dropout dtype encoder_layerdrop \
    extra_pos_embeddings finetuning_task gradient_checkpointing id2label init_std \
    keys_to_ignore_at_inference label2id language output_attentions output_hidden_states \
    output_past prefix problem_type return_dict sep_token_id task_specific_params \
    tf_legacy_loss tokenizer_class torch_dtype torchscript transformers.js_config \
    transformers_version use_bfloat16 use_cache";

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

impl Config {
    /// Reads both files. An empty `generation` stands for a checkpoint from before that file was
    /// invented: its fields are in config.json then.
    pub fn parse(config: &str, generation: &str) -> Result<Config> {
        let mut fields = Fields::parse("config.json", config)?;
        let model_type = fields.take("model_type");
        if model_type.as_ref().and_then(|value| value.as_str()) != Some("marian") {
            let missing = || fields.missing("model_type", "\"marian\"");
            let wrong = |found| fields.error("model_type", "\"marian\"", found);
            return Err(model_type.as_ref().map_or_else(missing, wrong));
        }
        fields.only(ONLY)?;

        let model_width = fields.size("d_model", MOST)?;
        let encoder = Stack::read(&mut fields, "encoder", model_width)?;
        let decoder = Stack::read(&mut fields, "decoder", model_width)?;
        let source_vocabulary = fields.size("vocab_size", MOST)?;
        let share_embeddings = fields.truth("share_encoder_decoder_embeddings", true)?;
        // With shared embeddings transformers takes the source's vocabulary for both.
        let named = fields.number("decoder_vocab_size", 1, MOST)?.filter(|_| !share_embeddings);
        let target_vocabulary = named.unwrap_or(source_vocabulary);
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
        let generation =
            Generation::read(&mut fields, generation, target_vocabulary, max_positions)?;
        if generation.pad_token as usize >= source_vocabulary {
            let expected = format!("a token id below {source_vocabulary}");
            return Err(Error::config("pad_token_id", expected, generation.pad_token.to_string()));
        }
        fields.ignore(HARMLESS);
        fields.finish()?;
        Ok(Config {
            model_width,
            encoder,
            decoder,
            source_vocabulary,
            target_vocabulary,
            max_positions,
            activation,
            scale_embedding,
            share_embeddings,
            tie_head,
            generation,
        })
    }

    /// What token embeddings are multiplied by.
    pub fn embedding_scale(&self) -> f32 {
        if self.scale_embedding { (self.model_width as f32).sqrt() } else { 1.0 }
    }

    /// Names under which a file may hold the encoder's embeddings `[V, D]`; the first that is there
    /// counts. Matrices that are one and the same are kept once, under one of several names.
    pub fn encoder_embedding_names(&self) -> &'static [&'static str] {
        match (self.share_embeddings, self.tie_head) {
            (true, true) => &[SHARED, HEAD, DECODER_EMBEDDING, ENCODER_EMBEDDING],
            (true, false) => &[ENCODER_EMBEDDING, SHARED],
            (false, _) => &[ENCODER_EMBEDDING],
        }
    }

    /// Names under which a file may hold the decoder's embeddings `[V, D]`.
    pub fn decoder_embedding_names(&self) -> &'static [&'static str] {
        match (self.share_embeddings, self.tie_head) {
            (true, true) => self.encoder_embedding_names(),
            (true, false) => &[DECODER_EMBEDDING, SHARED],
            (false, true) => &[DECODER_EMBEDDING, HEAD],
            (false, false) => &[DECODER_EMBEDDING],
        }
    }

    /// Names under which a file may hold the matrix `[V, D]` that makes logits.
    pub fn head_names(&self) -> &'static [&'static str] {
        if self.tie_head { self.decoder_embedding_names() } else { &[HEAD] }
    }

    /// Sites of a pass over the source, in order.
    pub fn encoding_sites(&self) -> Vec<Site> {
        let mut sites = vec![Site::ENCODER_EMBEDDING, Site::ENCODER_POSITION];
        for layer in 0..self.encoder.layers {
            let site = |block, part| Site::encoder(layer, block, part);
            sites.extend(QUERY_KEY_VALUE.map(|part| site(Block::SelfAttention, part)));
            sites.extend(ATTENDED.map(|part| site(Block::SelfAttention, part)));
            sites.extend(FEED_FORWARD.map(|part| site(Block::FeedForward, part)));
        }
        for layer in 0..self.decoder.layers {
            let site = |part| Site::decoder(layer, Block::CrossAttention, part);
            sites.extend([Part::Key, Part::Value].map(site));
        }
        sites
    }

    /// Sites of one decoding step, in order.
    pub fn step_sites(&self) -> Vec<Site> {
        let mut sites = vec![Site::DECODER_EMBEDDING, Site::DECODER_POSITION];
        for layer in 0..self.decoder.layers {
            let site = |block, part| Site::decoder(layer, block, part);
            sites.extend(QUERY_KEY_VALUE.map(|part| site(Block::SelfAttention, part)));
            sites.push(site(Block::SelfAttention, Part::Slot));
            sites.push(site(Block::SelfAttention, Part::Ring));
            sites.extend(ATTENDED.map(|part| site(Block::SelfAttention, part)));
            sites.push(site(Block::CrossAttention, Part::Query));
            sites.extend(ATTENDED.map(|part| site(Block::CrossAttention, part)));
            sites.extend(FEED_FORWARD.map(|part| site(Block::FeedForward, part)));
        }
        sites.extend([Site::Logits, Site::Probabilities]);
        sites
    }

    /// All sites, in order.
    pub fn sites(&self) -> Vec<Site> {
        [self.encoding_sites(), self.step_sites()].concat()
    }
}

const SHARED: &str = "model.shared.weight";
const ENCODER_EMBEDDING: &str = "model.encoder.embed_tokens.weight";
const DECODER_EMBEDDING: &str = "model.decoder.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

const QUERY_KEY_VALUE: [Part; 3] = [Part::Query, Part::Key, Part::Value];
const ATTENDED: [Part; 6] =
    [Part::Scores, Part::Weights, Part::Context, Part::Output, Part::Residual, Part::Norm];
const FEED_FORWARD: [Part; 5] =
    [Part::PreActivation, Part::Activation, Part::Output, Part::Residual, Part::Norm];

impl Stack {
    fn read(fields: &mut Fields, stack: &str, model_width: usize) -> Result<Stack> {
        let layers = fields.size(&format!("{stack}_layers"), MOST_LAYERS)?;
        let heads = fields.size(&format!("{stack}_attention_heads"), model_width)?;
        let inner_width = fields.size(&format!("{stack}_ffn_dim"), MOST)?;
        if model_width.is_multiple_of(heads) {
            return Ok(Stack { layers, heads, inner_width });
        }
        let field = format!("{}, {stack}_attention_heads", fields.file());
        Err(Error::config(field, format!("a divisor of d_model {model_width}"), heads.to_string()))
    }
}
