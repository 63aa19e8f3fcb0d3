//! Fusing: a norm or a gate becomes the prologue of the matrix-vector product that reads it first, and costs no dispatch of its own.

use crate::kernel::Access;
use crate::ops;
use crate::recording::{Command, Dispatch, Recording};
use crate::tensor::Tensor;

impl Recording {
    /// The same results from fewer dispatches. A value moves to its reader only if nothing that
    /// stands between them could tell: nobody else touches it, and nobody writes what it is made of.
    pub fn fuse(mut self) -> Recording {
        let mut index = 0;
        while index < self.commands.len() {
            match self.reader_of(index) {
                Some((reader, fused)) => self.merge(index, reader, fused),
                None => index += 1,
            }
        }
        self
    }

    /// The dispatch that takes in the one at `index`, and what both become.
    fn reader_of(&self, index: usize) -> Option<(usize, Dispatch)> {
        let Command::Dispatch(maker) = &self.commands[index] else { return None };
        let made = ops::fusable_result(maker)?;
        for (at, command) in self.commands.iter().enumerate().skip(index + 1) {
            // A copy of what is made waits for its new place; any other copy sees what it saw.
            let Command::Dispatch(dispatch) = command else { continue };
            if sources(maker).any(|source| dispatch.writes(source)) {
                return None;
            }
            if dispatch.touches(made) {
                return ops::fused(maker, dispatch).map(|fused| (at, fused));
            }
        }
        None
    }

    /// Puts `fused` in the place of the reader, and what was copied of the value behind it.
    fn merge(&mut self, index: usize, reader: usize, fused: Dispatch) {
        let Command::Dispatch(maker) = self.commands.remove(index) else { return };
        let made = ops::fusable_result(&maker).unwrap_or(Tensor::NOTHING);
        let reader = reader - 1;
        self.commands[reader] = Command::Dispatch(fused);
        let copies = |command: &Command| matches!(command, Command::Observe(copy) if copy.tensor.shares(made));
        let between: Vec<Command> = self.commands.drain(index..reader).collect();
        let (moved, stay): (Vec<_>, Vec<_>) = between.into_iter().partition(copies);
        let reader = index + stay.len();
        self.commands.splice(index..index, stay);
        self.commands.splice(reader + 1..reader + 1, moved);
    }
}

/// What a dispatch only reads.
fn sources(dispatch: &Dispatch) -> impl Iterator<Item = Tensor> {
    let bindings = dispatch.kernel.bindings.iter().zip(&dispatch.tensors);
    let read = bindings.filter(|((_, access), _)| *access == Access::Read);
    read.map(|(_, tensor)| *tensor)
}
