//! Attention of the decoder over the source: keys and values computed once, looked at by every step.

use crate::layers::{At, Frame, scale_of};
use crate::mask::Mask;
use crate::ops::attention::{Attention, Keys};
use crate::ops::linear::Epilogue;
use crate::ops::weight::Weight;
use crate::probe::Lever;
use crate::site::{Block, Part};
use crate::tape::Tape;
use crate::tensor::Tensor;

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
            tape.at_heads(site, memory.rows, (index * width, width), &heads, self.heads);
        }
    }

    /// `x` `[B, T, D]` looks at the source.
    pub fn forward(&self, tape: &mut Tape, x: Tensor, memory: Memory) -> Tensor {
        let site = |part| self.at.site(Block::CrossAttention, part);
        let [batch, times, width] = [x.shape()[0], x.shape()[1], x.width()];
        let heads = [batch, times, self.heads, width / self.heads];
        let entered = self.frame.enter(tape, x, &site);
        let query = tape.linear(entered, &self.query, Epilogue::Plain);
        tape.at_heads(site(Part::Query), query, (0, width), &heads, self.heads);
        let context = tape.attention(Attention {
            heads: self.heads,
            key_value_heads: self.heads,
            head_width: width / self.heads,
            queries: (query, 0),
            fresh: (memory.rows, 0, width),
            keys: Keys::Rows,
            mask: match tape.probe.changes.off(Lever::PaddingMask, site(Part::Output)) {
                true => Mask { causal: false, padding: None },
                false => Mask::padding(memory.lengths),
            },
            scale: scale_of(tape, site(Part::Output), width / self.heads),
            rotary: None,
            sites: [site(Part::Scores), site(Part::Weights)],
        });
        let shape = [batch, times, width];
        tape.at_heads(site(Part::Context), context, (0, width), &shape, self.heads);
        self.frame.leave(tape, x, context, &site)
    }
}
