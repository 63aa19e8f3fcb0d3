//! Changes as layers ask for them: values by their sites, levers by their blocks.

use super::edit::{Lever, NormEdit};
use crate::site::{Block, Part, Site, Stack};
use crate::tensor::Tensor;

/// What a run changes.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// In the order in which they apply.
    pub(super) values: Vec<(Site, Change)>,
    /// A lever and a block, by one site of it, or by the site of a stack's positions.
    pub(super) off: Vec<(Lever, Site)>,
    /// Of one norm the last counts.
    pub(super) norms: Vec<(Site, NormEdit)>,
    /// Heads of keys and values that the decoder's own heads share, if fewer than the model's.
    pub key_value_heads: Option<u32>,
}

/// What a value becomes.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// Some heads, a bit for each, times a factor.
    Scale {
        /// Bit h for head h.
        heads: u64,
        /// What they are multiplied with.
        factor: f32,
    },
    /// What another run had there.
    Replace {
        /// `[B or 1, .., width]`, as it was traced.
        values: Tensor,
        /// The position at which it happens; at all if none.
        only: Option<u32>,
    },
}

/// Where in a tensor the value is that is to be changed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// `[B, .., row]`, or planes of that.
    pub tensor: Tensor,
    /// B
    pub batch: u32,
    /// Rows of each of B.
    pub rows: u32,
    /// The word at which the value begins, and how many columns of each row it has.
    pub columns: (u32, u32),
    /// How many heads there are, and values of one that follow each other.
    pub heads: (u32, u32),
    /// StepState, for changes at one position.
    pub state: Option<Tensor>,
}

impl Target {
    /// All of a tensor `[B, .., D]`.
    pub fn whole(tensor: Tensor) -> Target {
        let batch = tensor.shape()[0];
        let rows = tensor.rows() / batch;
        Target { tensor, batch, rows, columns: (0, tensor.width()), heads: (1, 1), state: None }
    }
}

/// The site by which a block is known among levers.
pub(super) fn block_site(stack: Stack, layer: u16, block: Block) -> Site {
    Site::Layer { stack, layer, block, part: Part::Output }
}

impl Changes {
    /// What happens to a value, in order.
    pub fn of(&self, site: Site) -> impl Iterator<Item = Change> {
        let own = self.values.iter().filter(move |(changed, _)| *changed == site);
        own.map(|(_, change)| *change)
    }

    /// Whether something happens to it: then it has to be stored before anything reads it.
    pub fn touch(&self, site: Site) -> bool {
        self.of(site).next().is_some()
    }

    /// Whether a lever of a block is off; `site` is any of its sites.
    pub fn off(&self, lever: Lever, site: Site) -> bool {
        let place = match site {
            Site::Layer { stack, layer, block, .. } => block_site(stack, layer, block),
            other => other,
        };
        self.off.contains(&(lever, place))
    }

    /// Whether a lever is off anywhere.
    pub fn off_anywhere(&self, lever: Lever) -> bool {
        self.off.iter().any(|(known, _)| *known == lever)
    }

    /// What a norm becomes, by its site.
    pub fn norm(&self, site: Site) -> Option<NormEdit> {
        self.norms.iter().rev().find(|(changed, _)| *changed == site).map(|(_, norm)| *norm)
    }
}
