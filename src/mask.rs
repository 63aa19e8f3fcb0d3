//! The mask: which keys a query may look at. How far back a ring reaches is the ring's own matter.

use crate::tensor::Tensor;

/// Which keys a query may look at; each part can be left out.
#[derive(Debug, Clone, Copy)]
pub struct Mask {
    /// Only those of its own position and before.
    pub causal: bool,
    /// Only the first of each sentence: `[B]` lengths.
    pub padding: Option<Tensor>,
}

impl Mask {
    /// No key of a later position.
    pub const CAUSAL: Mask = Mask { causal: true, padding: None };

    /// No key beyond the lengths `[B]` of sentences.
    pub fn padding(lengths: Tensor) -> Mask {
        Mask { causal: false, padding: Some(lengths) }
    }
}
