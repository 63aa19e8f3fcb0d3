//! What every block has around it: a norm in front or behind, a last product, and the block's input added to that.

use crate::ops::linear::Epilogue;
use crate::ops::norm::{Kind, Norm};
use crate::ops::weight::Weight;
use crate::probe::{Change, Lever, NormEdit, Target};
use crate::site::{Part, Site};
use crate::tape::Tape;
use crate::tensor::Tensor;

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
    pub(super) fn enter(&self, tape: &mut Tape, x: Tensor, site: &dyn Fn(Part) -> Site) -> Tensor {
        match self.norm {
            Normed::Before(norm) => normed(tape, x, &norm, site(Part::Norm)),
            Normed::After(_) => x,
        }
    }

    /// `x` `[.., D]` is what went into the block, `inner` what the block made of it.
    pub(super) fn leave(
        &self,
        tape: &mut Tape,
        x: Tensor,
        inner: Tensor,
        site: &dyn Fn(Part) -> Site,
    ) -> Tensor {
        let residual = match tape.probe.changes.off(Lever::Skips, site(Part::Output)) {
            true => {
                let output = tape.linear(inner, &self.output, Epilogue::Plain);
                tape.at(site(Part::Output), output);
                output
            }
            false => tape.linear(inner, &self.output, Epilogue::Residual(x, site(Part::Output))),
        };
        self.close(tape, residual, site)
    }

    /// A block that adds nothing to `x`.
    pub(super) fn pass_by(
        &self,
        tape: &mut Tape,
        x: Tensor,
        site: &dyn Fn(Part) -> Site,
    ) -> Tensor {
        let alone = tape.probe.changes.off(Lever::Skips, site(Part::Output));
        if !alone && !tape.opens(site(Part::Residual)) {
            return self.close(tape, x, site);
        }
        let residual = tape.copy(x);
        if alone {
            // Nothing, and no input beside it.
            let target = Target::whole(residual);
            tape.edit(target, Change::Scale { heads: u64::MAX, factor: 0.0 });
        }
        self.close(tape, residual, site)
    }

    fn close(&self, tape: &mut Tape, residual: Tensor, site: &dyn Fn(Part) -> Site) -> Tensor {
        tape.at(site(Part::Residual), residual);
        match self.norm {
            Normed::Before(_) => residual,
            Normed::After(norm) => normed(tape, residual, &norm, site(Part::Norm)),
        }
    }
}

/// A norm of `x` `[.., D]`, or what somebody has in its place.
pub fn normed(tape: &mut Tape, x: Tensor, norm: &Norm, site: Site) -> Tensor {
    let kind = match tape.probe.changes.norm(site) {
        None => Some(norm.kind),
        Some(NormEdit::Layer) => Some(Kind::Layer),
        Some(NormEdit::Rms) => Some(Kind::Rms),
        Some(NormEdit::Off) => None,
    };
    let y = match kind {
        Some(kind) => tape.norm(x, &Norm { kind, ..*norm }),
        // `x` is read elsewhere, too: what is changed here must not change there.
        None if tape.opens(site) => tape.copy(x),
        None => x,
    };
    tape.at(site, y);
    y
}
