//! Layers of Transformers: their weights, and a forward pass of a few lines each.

use crate::error::Result;
use crate::loading::{Layout, Loader, Part as Rows};
use crate::ops::activation::Activation;
use crate::ops::attention::{Attention, Keys};
use crate::ops::linear::Epilogue;
use crate::ops::weight::Weight;
use crate::site::{Block, Part, Site, Stack};
use crate::tape::{Tape, Tensor};
use crate::weights::Weights;

impl Loader<'_> {
    /// The products of several `[N, K]` matrices as one, one after the other.
    pub fn linear(&self, weights: &Weights, names: &[&str], shape: [usize; 2]) -> Result<Weight> {
        let [outputs, inputs] = shape;
        let part = |name| Rows::new(&weights.pp(name), outputs, true, Layout::Rows);
        self.matrix(inputs, &names.iter().map(part).collect::<Vec<_>>())
    }

    /// Gain and bias of a norm, `[2, K]`.
    pub fn norm(&self, weights: &Weights, name: &str, width: usize) -> Result<Norm> {
        let gain_bias = self.vectors(&weights.pp(name), &["weight", "bias"], width)?;
        Ok(Norm { gain_bias })
    }
}

/// Gain and bias of a layer norm, `[2, D]`.
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    gain_bias: Tensor,
}

/// The end of a block: a product, the block's input added, and the norm of the sum.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// `[D, ..]`
    pub weight: Weight,
    /// After the residual.
    pub norm: Norm,
}

impl Output {
    /// What PyTorch adds to the variance.
    const EPSILON: f32 = 1e-5;

    /// `x` `[.., D]` is what went into the block, `inner` what the block made of it.
    fn forward(
        &self,
        tape: &mut Tape,
        x: Tensor,
        inner: Tensor,
        site: &dyn Fn(Part) -> Site,
    ) -> Tensor {
        let epilogue = Epilogue::Residual(x, site(Part::Output));
        let residual = tape.linear(inner, &self.weight, epilogue);
        tape.trace(site(Part::Residual), residual);
        let norm = tape.norm(residual, self.norm.gain_bias, Output::EPSILON);
        tape.trace(site(Part::Norm), norm);
        norm
    }
}

/// Where a block stands in the model.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// Encoder or decoder.
    pub stack: Stack,
    /// The layer, from 0.
    pub layer: usize,
}

impl At {
    fn site(self, block: Block, part: Part) -> Site {
        Site::layer(self.stack, self.layer, block, part)
    }
}

/// Attention of a stack over its own positions: all heads, the residual and the norm after it.
#[derive(Debug, Clone, Copy)]
pub struct SelfAttention {
    /// Where it stands.
    pub at: At,
    /// H
    pub heads: u32,
    /// `[3D, D]`
    pub query_key_value: Weight,
    /// `[D, D]`, the residual and the norm.
    pub output: Output,
}

impl SelfAttention {
    /// `x` `[B, T, D]`; `keys` says which positions a query may look at.
    pub fn forward(&self, tape: &mut Tape, x: Tensor, keys: Keys) -> Tensor {
        let site = |part| self.at.site(Block::SelfAttention, part);
        let [batch, times, width] = [x.shape()[0], x.shape()[1], x.width()];
        let heads = [batch, times, self.heads, width / self.heads];
        let rows = tape.linear(x, &self.query_key_value, Epilogue::Plain);
        for (part, index) in [Part::Query, Part::Key, Part::Value].into_iter().zip(0..) {
            tape.trace_columns(site(part), rows, index * width, width, &heads);
        }
        let context = tape.attention(Attention {
            heads: self.heads,
            key_value_heads: self.heads,
            head_width: width / self.heads,
            queries: (rows, 0),
            fresh: (rows, width, 2 * width),
            keys,
            sites: [site(Part::Scores), site(Part::Weights)],
        });
        if let Keys::Ring { ring, .. } = keys {
            let shape = [batch, ring.shape()[1], 2, self.heads, width / self.heads];
            tape.trace_columns(site(Part::Ring), ring, 0, width, &shape);
        }
        tape.trace(site(Part::Context), context);
        self.output.forward(tape, x, context, &site)
    }
}

/// Attention of the decoder over the source.
#[derive(Debug, Clone, Copy)]
pub struct CrossAttention {
    /// Where it stands.
    pub at: At,
    /// H
    pub heads: u32,
    /// `[D, D]`
    pub query: Weight,
    /// `[2D, D]`
    pub key_value: Weight,
    /// `[D, D]`, the residual and the norm.
    pub output: Output,
}

/// Keys and values of the source for one decoder layer: computed once, read at every step.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// `[B, S, 2D]`: keys, then values
    pub rows: Tensor,
    /// `[B]` source tokens of each sentence
    pub lengths: Tensor,
}

impl CrossAttention {
    /// Fills `memory` from what the encoder made, `[B, S, D]`.
    pub fn remember(&self, tape: &mut Tape, encoded: Tensor, memory: Memory) {
        let [batch, sequence, width] = [encoded.shape()[0], encoded.shape()[1], encoded.width()];
        let heads = [batch, sequence, self.heads, width / self.heads];
        tape.linear_to(memory.rows, encoded, &self.key_value, Epilogue::Plain);
        for (part, index) in [Part::Key, Part::Value].into_iter().zip(0..) {
            let site = self.at.site(Block::CrossAttention, part);
            tape.trace_columns(site, memory.rows, index * width, width, &heads);
        }
    }

    /// `x` `[B, T, D]` looks at the source.
    pub fn forward(&self, tape: &mut Tape, x: Tensor, memory: Memory) -> Tensor {
        let site = |part| self.at.site(Block::CrossAttention, part);
        let [batch, times, width] = [x.shape()[0], x.shape()[1], x.width()];
        let heads = [batch, times, self.heads, width / self.heads];
        let query = tape.linear(x, &self.query, Epilogue::Plain);
        tape.trace_columns(site(Part::Query), query, 0, width, &heads);
        let context = tape.attention(Attention {
            heads: self.heads,
            key_value_heads: self.heads,
            head_width: width / self.heads,
            queries: (query, 0),
            fresh: (memory.rows, 0, width),
            keys: Keys::Padded { lengths: memory.lengths },
            sites: [site(Part::Scores), site(Part::Weights)],
        });
        tape.trace(site(Part::Context), context);
        self.output.forward(tape, x, context, &site)
    }
}

/// Two products with an activation between them, the residual and the norm.
#[derive(Debug, Clone, Copy)]
pub struct FeedForward {
    /// Where it stands.
    pub at: At,
    /// `[F, D]`
    pub inner: Weight,
    /// Between the products.
    pub activation: Activation,
    /// `[D, F]`, the residual and the norm.
    pub output: Output,
}

impl FeedForward {
    /// `x` `[B, T, D]`, each position for itself.
    pub fn forward(&self, tape: &mut Tape, x: Tensor) -> Tensor {
        let site = |part| self.at.site(Block::FeedForward, part);
        let epilogue = Epilogue::Activation(self.activation, site(Part::PreActivation));
        let inner = tape.linear(x, &self.inner, epilogue);
        tape.trace(site(Part::Activation), inner);
        self.output.forward(tape, x, inner, &site)
    }
}
