//! MarianMT: sinusoidal positions, layer norms behind the blocks, `model_type` "marian" of transformers.

use crate::error::Result;
use crate::layers::{At, CrossAttention, FeedForward, Frame, Heads, Inner, Normed, SelfAttention};
use crate::loading::{Layout, Loader, Part};
use crate::models::config::{Config, Stack as Sizes};
use crate::models::family::Family;
use crate::models::marian_config;
use crate::models::transformer::{Layer, Stack, Transformer};
use crate::ops::embed::Embedding;
use crate::ops::weight::Weight;
use crate::site::{Site, Stack as Name};
use crate::weights::Weights;

/// The row of the table. Files may hold a matrix under several of its names, and positions.
pub const FAMILY: Family = Family {
    name: "marian",
    read: marian_config::read,
    load,
    unlearned: &[SHARED, HEAD, ".embed_tokens.weight", ".embed_positions.weight"],
};

/// Reads the weights. The names are those of transformers' MarianMTModel.
fn load(config: Config, weights: &Weights, loader: &Loader) -> Result<Transformer> {
    let Embeddings { source, target, head } = Embeddings::load(&config, weights, loader)?;
    let stack = |name, sizes: Option<Sizes>, embedding| {
        let Some(sizes) = sizes else { return Ok(None) };
        let folder = if name == Name::Encoder { "encoder" } else { "decoder" };
        let weights = weights.pp("model").pp(folder).pp("layers");
        let layer = |layer| {
            Block { at: At { stack: name, layer }, config: &config, sizes, loader }
                .load(&weights.pp(layer))
        };
        let layers = (0..sizes.layers).map(layer).collect::<Result<_>>()?;
        Ok(Some(Stack { embedding, layers, norm: None }))
    };
    let encoder = stack(Name::Encoder, config.encoder, source)?;
    let decoder = stack(Name::Decoder, config.decoder, target)?;
    Ok(Transformer { encoder, decoder, head, config })
}

/// A layer on its way.
struct Block<'a> {
    at: At,
    config: &'a Config,
    sizes: Sizes,
    loader: &'a Loader<'a>,
}

impl Block<'_> {
    fn load(&self, weights: &Weights) -> Result<Layer> {
        let beside = self.at.stack == Name::Decoder;
        Ok(Layer {
            self_attention: self.self_attention(weights)?,
            cross_attention: beside.then(|| self.cross_attention(weights)).transpose()?,
            feed_forward: self.feed_forward(weights)?,
        })
    }

    fn self_attention(&self, weights: &Weights) -> Result<SelfAttention> {
        let width = self.config.model_width;
        let part = weights.pp("self_attn");
        let Sizes { heads, head_width, .. } = self.sizes;
        Ok(SelfAttention {
            at: self.at,
            heads: Heads::alone(heads as u32, head_width as u32),
            query_key_value: self.loader.linear(
                &part,
                &["q_proj", "k_proj", "v_proj"],
                [width, width],
            )?,
            frame: self.frame(&part, "out_proj", weights, "self_attn_layer_norm", width)?,
            rotary: None,
        })
    }

    fn cross_attention(&self, weights: &Weights) -> Result<CrossAttention> {
        let width = self.config.model_width;
        let part = weights.pp("encoder_attn");
        Ok(CrossAttention {
            at: self.at,
            heads: self.sizes.heads as u32,
            query: self.loader.linear(&part, &["q_proj"], [width, width])?,
            key_value: self.loader.linear(&part, &["k_proj", "v_proj"], [width, width])?,
            frame: self.frame(&part, "out_proj", weights, "encoder_attn_layer_norm", width)?,
        })
    }

    fn feed_forward(&self, weights: &Weights) -> Result<FeedForward> {
        let [width, inner] = [self.config.model_width, self.sizes.inner_width];
        Ok(FeedForward {
            at: self.at,
            inner: Inner::Plain(self.loader.linear(weights, &["fc1"], [inner, width])?),
            activation: self.config.activation,
            frame: self.frame(weights, "fc2", weights, "final_layer_norm", inner)?,
        })
    }

    /// The last product of a block, from `inputs` values, and the norm behind it.
    fn frame(
        &self,
        part: &Weights,
        output: &str,
        weights: &Weights,
        norm: &str,
        inputs: usize,
    ) -> Result<Frame> {
        let Config { model_width: width, norm: kind, epsilon, .. } = *self.config;
        Ok(Frame {
            output: self.loader.linear(part, &[output], [width, inputs])?,
            norm: Normed::After(self.loader.norm(weights, norm, width, kind, epsilon)?),
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
        let [from, to] = [config.source_vocabulary, config.vocabulary];
        let is_one = config.share_embeddings && config.tie_head;
        let source = table(encoder_names(config), from, is_one && has_bias)?;
        let target = match is_one {
            true => source,
            false => table(decoder_names(config), to, config.tie_head && has_bias)?,
        };
        let head = match config.tie_head {
            true => target,
            false => table(&[HEAD], to, has_bias)?,
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
                sites: sites(Name::Encoder),
            },
            target: Embedding {
                table: target,
                positions: Some(target_positions),
                scale,
                sites: sites(Name::Decoder),
            },
            head,
        })
    }
}

const SHARED: &str = "model.shared.weight";
const ENCODER_EMBEDDING: &str = "model.encoder.embed_tokens.weight";
const DECODER_EMBEDDING: &str = "model.decoder.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// Names under which a file may hold the encoder's embeddings `[V, D]`; the first that is there
/// counts. Matrices that are one and the same are kept once, under one of several names.
fn encoder_names(config: &Config) -> &'static [&'static str] {
    match (config.share_embeddings, config.tie_head) {
        (true, true) => &[SHARED, HEAD, DECODER_EMBEDDING, ENCODER_EMBEDDING],
        (true, false) => &[ENCODER_EMBEDDING, SHARED],
        (false, _) => &[ENCODER_EMBEDDING],
    }
}

/// Names under which a file may hold the decoder's embeddings `[V, D]`.
fn decoder_names(config: &Config) -> &'static [&'static str] {
    match (config.share_embeddings, config.tie_head) {
        (true, true) => encoder_names(config),
        (true, false) => &[DECODER_EMBEDDING, SHARED],
        (false, true) => &[DECODER_EMBEDDING, HEAD],
        (false, false) => &[DECODER_EMBEDDING],
    }
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
