//! The probe: what somebody wants to see of a run.

use crate::site::{Filter, Site};

/// What somebody wants to see.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    reads: Filter,
}

impl Probe {
    /// Nobody looks.
    pub fn none() -> Probe {
        Probe::default()
    }

    /// Somebody reads these sites.
    pub fn reading(reads: Filter) -> Probe {
        Probe { reads }
    }

    /// Whether somebody reads the site.
    pub fn reads(&self, site: Site) -> bool {
        self.reads.matches(site)
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.reads.is_empty()
    }
}
