//! MarianMT, the encoder-decoder of Helsinki-NLP/opus-mt: `model_type` "marian" of transformers.

use crate::error::{Error, Result};
use crate::layers::{
    At, CrossAttention, FeedForward, Frame, Heads, Inner, Memory, Normed, SelfAttention,
};
use crate::loading::{Layout, Loader, Part};
use crate::models::marian_config::{Config, Stack as Sizes};
use crate::ops::attention::Keys;
use crate::ops::embed::{Embedding, Tokens};
use crate::ops::linear::Epilogue;
use crate::ops::norm::Kind;
use crate::ops::store::Ring;
use crate::ops::weight::Weight;
use crate::site::{Site, Stack};
use crate::tape::{Tape, Tensor};
use crate::weights::Weights;

/// The model: its weights on a device.
pub struct Marian {
    /// Its sizes and habits.
    pub config: Config,
    source: Embedding,
    target: Embedding,
    encoder: Vec<EncoderLayer>,
    decoder: Vec<DecoderLayer>,
    head: Weight,
}

struct EncoderLayer {
    self_attention: SelfAttention,
    feed_forward: FeedForward,
}

struct DecoderLayer {
    self_attention: SelfAttention,
    cross_attention: CrossAttention,
    feed_forward: FeedForward,
}

/// What a decoder layer keeps between steps.
#[derive(Debug, Clone, Copy)]
pub struct Cache {
    /// Keys and values of the target so far.
    pub ring: Ring,
    /// Keys and values of the source.
    pub memory: Memory,
}

impl Marian {
    /// The encoder over `tokens` `[B, S]`, of which `lengths` `[B]` are real; ends in the keys and
    /// values that each decoder layer will look at.
    pub fn encode(&self, tape: &mut Tape, tokens: Tensor, lengths: Tensor, caches: &[Cache]) {
        let mut x = tape.embed(Tokens::Given(tokens), &self.source);
        for layer in &self.encoder {
            x = layer.self_attention.forward(tape, x, Keys::Padded { lengths });
            x = layer.feed_forward.forward(tape, x);
        }
        for (layer, cache) in self.decoder.iter().zip(caches) {
            layer.cross_attention.remember(tape, x, cache.memory);
        }
    }

    /// One step of the decoder: the tokens in StepState `state` give logits `[B, 1, V]`.
    pub fn step(&self, tape: &mut Tape, state: Tensor, batch: u32, caches: &[Cache]) -> Tensor {
        let mut x = tape.embed(Tokens::Step { state, batch }, &self.target);
        for (layer, cache) in self.decoder.iter().zip(caches) {
            x = layer.self_attention.forward(tape, x, Keys::Ring { state, ring: cache.ring });
            x = layer.cross_attention.forward(tape, x, cache.memory);
            x = layer.feed_forward.forward(tape, x);
        }
        let logits = tape.linear(x, &self.head, Epilogue::Plain);
        tape.trace_columns(Site::Logits, logits, 0, logits.width(), &[batch, logits.width()]);
        logits
    }

    /// Reads the weights. The names are those of transformers' MarianMTModel.
    pub fn load(config: Config, weights: &Weights, loader: &Loader) -> Result<Marian> {
        check_widths(&config)?;
        let model = weights.pp("model");
        let width = config.model_width;
        let encoder = model.pp("encoder").pp("layers");
        let decoder = model.pp("decoder").pp("layers");
        let embeddings = Embeddings::load(&config, weights, loader)?;
        Ok(Marian {
            source: embeddings.source,
            target: embeddings.target,
            head: embeddings.head,
            encoder: (0..config.encoder.layers)
                .map(|layer| {
                    let at = At { stack: Stack::Encoder, layer };
                    let weights = encoder.pp(layer);
                    Ok(EncoderLayer {
                        self_attention: self_attention(
                            at,
                            config.encoder,
                            width,
                            &weights,
                            loader,
                        )?,
                        feed_forward: feed_forward(at, &config, &weights, loader)?,
                    })
                })
                .collect::<Result<_>>()?,
            decoder: (0..config.decoder.layers)
                .map(|layer| {
                    let at = At { stack: Stack::Decoder, layer };
                    let weights = decoder.pp(layer);
                    Ok(DecoderLayer {
                        self_attention: self_attention(
                            at,
                            config.decoder,
                            width,
                            &weights,
                            loader,
                        )?,
                        cross_attention: cross_attention(at, &config, &weights, loader)?,
                        feed_forward: feed_forward(at, &config, &weights, loader)?,
                    })
                })
                .collect::<Result<_>>()?,
            config,
        })
    }
}

struct Embeddings {
    source: Embedding,
    target: Embedding,
    head: Weight,
}

impl Embeddings {
    /// One matrix may serve as all three, unless the head has biases, `final_logits_bias`.
    fn load(config: &Config, weights: &Weights, loader: &Loader) -> Result<Embeddings> {
        let width = config.model_width;
        let table = |names: &[&str], vocabulary: usize, has_bias: bool| {
            let part = Part {
                weights: weights.clone(),
                name: weights.first_held(names).to_string(),
                bias: has_bias.then(|| "final_logits_bias".to_string()),
                outputs: vocabulary,
                layout: Layout::Rows,
            };
            loader.matrix(width, &[part])
        };
        // A table that is the head, too, has its biases: an embedding takes no notice of them.
        let has_bias = weights.contains("final_logits_bias");
        let [from, to] = [config.source_vocabulary, config.target_vocabulary];
        let is_one = config.share_embeddings && config.tie_head;
        let source = table(config.encoder_embedding_names(), from, is_one && has_bias)?;
        let target = match is_one {
            true => source,
            false => table(config.decoder_embedding_names(), to, config.tie_head && has_bias)?,
        };
        let head = match config.tie_head {
            true => target,
            false => table(config.head_names(), to, has_bias)?,
        };
        // Files from before positions were left out hold them, rounded as the file rounds: so be it.
        let shape = [config.max_positions, width];
        let name = |stack| format!("model.{stack}.embed_positions.weight");
        let held = [name("encoder"), name("decoder")].map(|name| weights.contains(&name));
        let computed = || {
            let shape = shape.map(|size| size as u32);
            loader.values("positions", &sinusoids(config.max_positions, width), &shape)
        };
        let source_positions = match held[0] {
            true => loader.table(weights, &name("encoder"), shape)?,
            false => computed()?,
        };
        let target_positions = match held {
            [_, true] => loader.table(weights, &name("decoder"), shape)?,
            [false, false] => source_positions,
            [true, false] => computed()?,
        };
        let scale = config.embedding_scale();
        let sites = |stack| [Site::Embedding(stack), Site::Position(stack)];
        Ok(Embeddings {
            source: Embedding {
                table: source,
                positions: Some(source_positions),
                scale,
                sites: sites(Stack::Encoder),
            },
            target: Embedding {
                table: target,
                positions: Some(target_positions),
                scale,
                sites: sites(Stack::Decoder),
            },
            head,
        })
    }
}

fn self_attention(
    at: At,
    sizes: Sizes,
    width: usize,
    weights: &Weights,
    loader: &Loader,
) -> Result<SelfAttention> {
    let part = weights.pp("self_attn");
    Ok(SelfAttention {
        at,
        heads: Heads::alone(sizes.heads as u32, (width / sizes.heads) as u32),
        query_key_value: loader.linear(&part, &["q_proj", "k_proj", "v_proj"], [width, width])?,
        frame: Frame {
            output: loader.linear(&part, &["out_proj"], [width, width])?,
            norm: norm_after(weights, loader, "self_attn_layer_norm", width)?,
        },
        rotary: None,
    })
}

fn cross_attention(
    at: At,
    config: &Config,
    weights: &Weights,
    loader: &Loader,
) -> Result<CrossAttention> {
    let width = config.model_width;
    let part = weights.pp("encoder_attn");
    Ok(CrossAttention {
        at,
        heads: config.decoder.heads as u32,
        query: loader.linear(&part, &["q_proj"], [width, width])?,
        key_value: loader.linear(&part, &["k_proj", "v_proj"], [width, width])?,
        frame: Frame {
            output: loader.linear(&part, &["out_proj"], [width, width])?,
            norm: norm_after(weights, loader, "encoder_attn_layer_norm", width)?,
        },
    })
}

fn feed_forward(
    at: At,
    config: &Config,
    weights: &Weights,
    loader: &Loader,
) -> Result<FeedForward> {
    let width = config.model_width;
    let inner = match at.stack {
        Stack::Encoder => config.encoder.inner_width,
        Stack::Decoder => config.decoder.inner_width,
    };
    Ok(FeedForward {
        at,
        inner: Inner::Plain(loader.linear(weights, &["fc1"], [inner, width])?),
        activation: config.activation,
        frame: Frame {
            output: loader.linear(weights, &["fc2"], [width, inner])?,
            norm: norm_after(weights, loader, "final_layer_norm", width)?,
        },
    })
}

/// PyTorch's ε.
fn norm_after(weights: &Weights, loader: &Loader, name: &str, width: usize) -> Result<Normed> {
    Ok(Normed::After(loader.norm(weights, name, width, Kind::Layer, 1e-5)?))
}

/// Sinusoidal positions `[P, D]`: sines in the first half of a row, cosines in the second, as
/// MarianSinusoidalPositionalEmbedding has them.
fn sinusoids(positions: usize, width: usize) -> Vec<f32> {
    let half = width.div_ceil(2);
    let angle =
        |position: usize, j: usize| position as f64 / 10_000f64.powf(2.0 * j as f64 / width as f64);
    let value = |position, column: usize| match column < half {
        true => angle(position, column).sin(),
        false => angle(position, column - half).cos(),
    };
    let rows = (0..positions).flat_map(|position| (0..width).map(move |column| (position, column)));
    rows.map(|(position, column)| value(position, column) as f32).collect()
}

/// Kernels read four values at a time, and keep a head in the registers of a few lanes.
fn check_widths(config: &Config) -> Result<()> {
    let error = |field: &str, expected: &str, found: usize| {
        Err(Error::config(format!("config.json: {field}"), expected, found.to_string()))
    };
    let stacks = [("encoder", config.encoder), ("decoder", config.decoder)];
    for (name, stack) in stacks {
        let head = config.model_width / stack.heads;
        if !head.is_multiple_of(4) || head > 128 {
            let field = format!("d_model / {name}_attention_heads");
            return error(&field, "a multiple of 4, at most 128", head);
        }
        if stack.inner_width % 4 != 0 {
            return error(&format!("{name}_ffn_dim"), "a multiple of 4", stack.inner_width);
        }
    }
    Ok(())
}
