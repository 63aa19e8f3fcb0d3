//! Attention of a stack over its own positions: all heads, the residual and the norm.

use crate::layers::{At, Frame, Heads, scale_of};
use crate::mask::Mask;
use crate::ops::attention::{Attention, Keys};
use crate::ops::linear::Epilogue;
use crate::ops::named::Value;
use crate::ops::weight::Weight;
use crate::probe::Lever;
use crate::recording::Rows;
use crate::site::{Block, Part, Site, Stack};
use crate::tape::Tape;
use crate::tensor::Tensor;

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
        let Heads { queries, width, .. } = self.heads;
        let [batch, times] = [x.shape()[0], x.shape()[1]];
        let entered = self.frame.enter(tape, x, &site);
        let rows = tape.linear(entered, &self.query_key_value, Epilogue::Plain);
        let (rows, groups) = self.shared(tape, rows);
        let [key, value] = [queries * width, (queries + groups) * width];
        for (part, first, heads) in
            [(Part::Query, 0, queries), (Part::Key, key, groups), (Part::Value, value, groups)]
        {
            let shape = [batch, times, heads, width];
            tape.at_heads(site(part), rows, (first, heads * width), &shape, heads);
        }
        let rotary = self
            .rotary
            .filter(|_| !tape.probe.changes.off(Lever::Positions, Site::Position(self.at.stack)));
        let mask = self.mask(tape, mask, &site);
        if let (Some(state), Some(rotary)) = (turns, rotary) {
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
            scale: scale_of(tape, site(Part::Output), width),
            rotary: rotary.filter(|_| turns.is_none()),
            sites: [site(Part::Scores), site(Part::Weights)],
        });
        let slots = [batch, times, 2, groups, width];
        match keys {
            Keys::Chunk { state, ring } => {
                tape.store((rows, key, value), state, ring);
                let (tensor, rows) = (rows, Rows::All);
                let columns = (key, 2 * groups * width);
                let value = Value { tensor, rows, columns, shape: &slots, heads: (1, 1) };
                tape.at_result(site(Part::Slot), value);
            }
            Keys::Step { ring, .. } => tape.at_slot(site(Part::Slot), ring, &slots),
            Keys::Rows => {}
        }
        if let Keys::Step { ring, .. } | Keys::Chunk { ring, .. } = keys {
            let shape = &[batch, ring.capacity(), 2, groups, width];
            let (columns, heads) = ((0, groups * width), (1, 1));
            let value = Value { tensor: ring.slots, rows: Rows::All, columns, shape, heads };
            tape.at_result(site(Part::Ring), value);
        }
        let (columns, shape) = ((0, queries * width), [batch, times, queries * width]);
        tape.at_heads(site(Part::Context), context, columns, &shape, queries);
        self.frame.leave(tape, x, context, &site)
    }

    /// Rows of queries, keys and values with as many heads of keys and values as somebody wants.
    fn shared(&self, tape: &mut Tape, rows: Tensor) -> (Tensor, u32) {
        let Heads { queries, keys, .. } = self.heads;
        match tape.probe.changes.key_value_heads {
            Some(shared) if shared < keys && self.at.stack == Stack::Decoder => {
                (tape.share(rows, [queries, keys, shared]), shared)
            }
            _ => (rows, keys),
        }
    }

    /// The mask, without the parts that somebody leaves out.
    fn mask(&self, tape: &Tape, mask: Mask, site: &dyn Fn(Part) -> Site) -> Mask {
        let off = |lever| tape.probe.changes.off(lever, site(Part::Output));
        Mask {
            causal: mask.causal && !off(Lever::CausalMask),
            padding: mask.padding.filter(|_| !off(Lever::PaddingMask)),
        }
    }
}
