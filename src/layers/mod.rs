//! Layers of Transformers: their weights, and a forward pass of a few lines each.

mod cross_attention;
mod feed_forward;
mod frame;
mod self_attention;

use crate::error::Result;
use crate::loading::{Layout, Loader, Part as Rows};
use crate::ops::norm::{Kind, Norm};
use crate::ops::weight::Weight;
use crate::probe::Lever;
use crate::site::{Block, Part, Site, Stack};
use crate::tape::Tape;
use crate::weights::Weights;

pub use cross_attention::{CrossAttention, Memory};
pub use feed_forward::{FeedForward, Inner};
pub use frame::{Frame, Normed, normed};
pub use self_attention::SelfAttention;

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

/// 1/√K, which keeps the spread of scores that of one product; 1 where somebody leaves it out.
fn scale_of(tape: &Tape, site: Site, head_width: u32) -> f32 {
    match tape.probe.changes.off(Lever::Scaling, site) {
        true => 1.0,
        false => (1.0 / f64::from(head_width).sqrt()) as f32,
    }
}
