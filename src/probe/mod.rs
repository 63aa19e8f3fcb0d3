//! The probe: what somebody wants to see of a run, and to change in it before anything reads it.

mod changes;
mod edit;
mod resolve;

use crate::site::{Filter, Site};

pub use changes::{Change, Changes, Target};
pub use edit::{Edit, Lever, NormEdit};
pub use resolve::{Keep, Name};

/// What somebody wants to see and to change.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    reads: Filter,
    /// What is changed.
    pub changes: Changes,
}

impl Probe {
    /// Nobody looks, nothing changes.
    pub fn none() -> Probe {
        Probe::default()
    }

    /// Somebody reads these sites.
    pub fn reading(reads: Filter) -> Probe {
        Probe { reads, changes: Changes::default() }
    }

    /// The same, with changes.
    pub fn changing(self, changes: Changes) -> Probe {
        Probe { changes, ..self }
    }

    /// Whether somebody reads the site.
    pub fn reads(&self, site: Site) -> bool {
        self.reads.matches(site)
    }

    /// Whether nobody reads anything.
    pub fn is_blind(&self) -> bool {
        self.reads.is_empty()
    }
}
