//! A feed-forward block: two products with an activation between them, each position by itself.

use crate::layers::{At, Frame};
use crate::ops::activation::Activation;
use crate::ops::linear::Epilogue;
use crate::ops::weight::Weight;
use crate::probe::Lever;
use crate::site::{Block, Part};
use crate::tape::Tape;
use crate::tensor::Tensor;

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
        if tape.probe.changes.off(Lever::Mlps, site(Part::Output)) {
            return self.frame.pass_by(tape, x, &site);
        }
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
                tape.at_heads(site(Part::Gate), both, (0, width), &shape, 1);
                tape.at_heads(site(Part::Up), both, (width, width), &shape, 1);
                tape.gate(both, self.activation)
            }
        };
        tape.at(site(Part::Activation), inner);
        self.frame.leave(tape, x, inner, &site)
    }
}
