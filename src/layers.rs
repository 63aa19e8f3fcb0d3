//! Layers of Transformers: their weights, and a forward pass of a few lines each.

use crate::error::Result;
use crate::loading::{Layout, Loader, Part as Rows};
use crate::mask::Mask;
use crate::ops::activation::Activation;
use crate::ops::attention::{Attention, Keys};
use crate::ops::linear::Epilogue;
use crate::ops::norm::{Kind, Norm};
use crate::ops::weight::Weight;
use crate::site::{Block, Part, Site, Stack};
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::weights::Weights;

impl Loader<'_> {
    /// The products of several `[N, K]` matrices as one, one after the other.
    pub fn linear(&self, weights: &Weights, names: &[&str], shape: [usize; 2]) -> Result<Weight> {
        let [outputs, inputs] = shape;
        let part = |name| Rows::new(&weights.pp(name), outputs, true, Layout::Rows);
        self.matrix(inputs, &names.iter().map(part).collect::<Vec<_>>())
    }

    /// A norm of rows of `width`.
    pub fn norm(
        &self,
        weights: &Weights,
        name: &str,
        width: usize,
        kind: Kind,
        epsilon: f32,
    ) -> Result<Norm> {
        let names: &[&str] = match kind {
            Kind::Layer => &["weight", "bias"],
            Kind::Rms => &["weight"],
        };
        Ok(Norm { kind, gain_bias: self.vectors(&weights.pp(name), names, width)?, epsilon })
    }
}

/// Where the norm of a block stands.
#[derive(Debug, Clone, Copy)]
pub enum Normed {
    /// In front: the block adds to what is never normalised itself (GPT-2, Llama).
    Before(Norm),
    /// Behind, on the sum (MarianMT).
    After(Norm),
}

/// What every block has around it: a norm, a last product, and the block's input added to that.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// The norm.
    pub norm: Normed,
    /// `[D, ..]`
    pub output: Weight,
}

impl Frame {
    /// What the block reads of `x` `[.., D]`.
    fn enter(&self, tape: &mut Tape, x: Tensor, site: &dyn Fn(Part) -> Site) -> Tensor {
        match self.norm {
            Normed::Before(norm) => normed(tape, x, &norm, site),
            Normed::After(_) => x,
        }
    }

    /// `x` `[.., D]` is what went into the block, `inner` what the block made of it.
    fn leave(
        &self,
        tape: &mut Tape,
        x: Tensor,
        inner: Tensor,
        site: &dyn Fn(Part) -> Site,
    ) -> Tensor {
        let epilogue = Epilogue::Residual(x, site(Part::Output));
        let residual = tape.linear(inner, &self.output, epilogue);
        tape.at(site(Part::Residual), residual);
        match self.norm {
            Normed::Before(_) => residual,
            Normed::After(norm) => normed(tape, residual, &norm, site),
        }
    }
}

fn normed(tape: &mut Tape, x: Tensor, norm: &Norm, site: &dyn Fn(Part) -> Site) -> Tensor {
    let y = tape.norm(x, norm);
    tape.at(site(Part::Norm), y);
    y
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

/// The heads of attention.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    /// H
    pub queries: u32,
    /// G, which divides H: so many queries share a key and a value.
    pub keys: u32,
    /// K
    pub width: u32,
}

impl Heads {
    /// Each query head with keys of its own.
    pub fn alone(heads: u32, width: u32) -> Heads {
        Heads { queries: heads, keys: heads, width }
    }
}

/// Attention of a stack over its own positions: all heads, the residual and the norm.
#[derive(Debug, Clone, Copy)]
pub struct SelfAttention {
    /// Where it stands.
    pub at: At,
    /// How many, and how wide.
    pub heads: Heads,
    /// `[(H + 2G) · K, D]`
    pub query_key_value: Weight,
    /// `[D, H · K]`, the residual and the norm.
    pub frame: Frame,
    /// Table `[2, 1024, K]` of rotary positions, if queries and keys turn.
    pub rotary: Option<Tensor>,
}

impl SelfAttention {
    /// `x` `[B, T, D]`; `keys` and `mask` say which positions a query may look at; `turns` is
    /// StepState with the positions from which rows turn before attention, if they do. A chunk goes
    /// into the ring only after its queries have looked at what it will displace.
    pub fn forward(
        &self,
        tape: &mut Tape,
        x: Tensor,
        keys: Keys,
        mask: Mask,
        turns: Option<Tensor>,
    ) -> Tensor {
        let site = |part| self.at.site(Block::SelfAttention, part);
        let Heads { queries, keys: groups, width } = self.heads;
        let [batch, times] = [x.shape()[0], x.shape()[1]];
        let [key, value] = [queries * width, (queries + groups) * width];
        let entered = self.frame.enter(tape, x, &site);
        let rows = tape.linear(entered, &self.query_key_value, Epilogue::Plain);
        for (part, first, heads) in
            [(Part::Query, 0, queries), (Part::Key, key, groups), (Part::Value, value, groups)]
        {
            let shape = [batch, times, heads, width];
            tape.at_columns(site(part), rows, (first, heads * width), &shape);
        }
        if let (Some(state), Some(rotary)) = (turns, self.rotary) {
            tape.rotate(rows, 0, queries + groups, state, rotary);
        }
        let context = tape.attention(Attention {
            heads: queries,
            key_value_heads: groups,
            head_width: width,
            queries: (rows, 0),
            fresh: (rows, key, value),
            keys,
            mask,
            scale: scale_of(width),
            rotary: self.rotary.filter(|_| turns.is_none()),
            sites: [site(Part::Scores), site(Part::Weights)],
        });
        let slots = [batch, times, 2, groups, width];
        match keys {
            Keys::Chunk { state, ring } => {
                tape.store((rows, key, value), state, ring);
                tape.at_columns(site(Part::Slot), rows, (key, 2 * groups * width), &slots);
            }
            Keys::Step { ring, .. } => tape.at_slot(site(Part::Slot), ring, &slots),
            Keys::Rows => {}
        }
        if let Keys::Step { ring, .. } | Keys::Chunk { ring, .. } = keys {
            let shape = [batch, ring.capacity(), 2, groups, width];
            tape.at_columns(site(Part::Ring), ring.slots, (0, groups * width), &shape);
        }
        tape.at(site(Part::Context), context);
        self.frame.leave(tape, x, context, &site)
    }
}

/// 1/√K, which keeps the spread of scores that of one product.
fn scale_of(head_width: u32) -> f32 {
    (1.0 / f64::from(head_width).sqrt()) as f32
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
    pub frame: Frame,
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
        tape.linear_to(memory.rows, encoded, &self.key_value);
        for (part, index) in [Part::Key, Part::Value].into_iter().zip(0..) {
            let site = self.at.site(Block::CrossAttention, part);
            tape.at_columns(site, memory.rows, (index * width, width), &heads);
        }
    }

    /// `x` `[B, T, D]` looks at the source.
    pub fn forward(&self, tape: &mut Tape, x: Tensor, memory: Memory) -> Tensor {
        let site = |part| self.at.site(Block::CrossAttention, part);
        let [batch, times, width] = [x.shape()[0], x.shape()[1], x.width()];
        let heads = [batch, times, self.heads, width / self.heads];
        let entered = self.frame.enter(tape, x, &site);
        let query = tape.linear(entered, &self.query, Epilogue::Plain);
        tape.at_columns(site(Part::Query), query, (0, width), &heads);
        let context = tape.attention(Attention {
            heads: self.heads,
            key_value_heads: self.heads,
            head_width: width / self.heads,
            queries: (query, 0),
            fresh: (memory.rows, 0, width),
            keys: Keys::Rows,
            mask: Mask::padding(memory.lengths),
            scale: scale_of(width / self.heads),
            rotary: None,
            sites: [site(Part::Scores), site(Part::Weights)],
        });
        tape.at(site(Part::Context), context);
        self.frame.leave(tape, x, context, &site)
    }
}

/// The first product of a feed-forward block.
#[derive(Debug, Clone, Copy)]
pub enum Inner {
    /// `[F, D]`: `act(W x)`
    Plain(Weight),
    /// `[2F, D]`: `act(W x) · V x`, W above V.
    Gated(Weight),
}

/// Two products with an activation between them, the residual and the norm.
#[derive(Debug, Clone, Copy)]
pub struct FeedForward {
    /// Where it stands.
    pub at: At,
    /// The first product.
    pub inner: Inner,
    /// Between the products.
    pub activation: Activation,
    /// `[D, F]`, the residual and the norm.
    pub frame: Frame,
}

impl FeedForward {
    /// `x` `[B, T, D]`, each position for itself.
    pub fn forward(&self, tape: &mut Tape, x: Tensor) -> Tensor {
        let site = |part| self.at.site(Block::FeedForward, part);
        let entered = self.frame.enter(tape, x, &site);
        let inner = match &self.inner {
            Inner::Plain(weight) => {
                let epilogue = Epilogue::Activation(self.activation, site(Part::PreActivation));
                tape.linear(entered, weight, epilogue)
            }
            Inner::Gated(weight) => {
                let both = tape.linear(entered, weight, Epilogue::Plain);
                let width = both.width() / 2;
                let shape = [x.shape()[0], x.shape()[1], width];
                tape.at_columns(site(Part::Gate), both, (0, width), &shape);
                tape.at_columns(site(Part::Up), both, (width, width), &shape);
                tape.gate(both, self.activation)
            }
        };
        tape.at(site(Part::Activation), inner);
        self.frame.leave(tape, x, inner, &site)
    }
}
