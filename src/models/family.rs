//! A family of models: what the one table of them, `families.rs`, has of each.

use super::config::Config;
use super::fields::Fields;
use super::transformer::Transformer;
use crate::error::Result;
use crate::loading::Loader;
use crate::weights::Weights;

/// A family of models.
pub struct Family {
    /// `model_type` of transformers.
    pub name: &'static str,
    /// Reads the fields of config.json, and generation_config.json, which is empty where there is
    /// none.
    pub read: fn(&mut Fields, &str) -> Result<Config>,
    /// Asks for the weights, by the names that transformers gives them.
    pub load: fn(Config, &Weights, &Loader) -> Result<Transformer>,
    /// How names end of what a file may hold beside the weights.
    pub unlearned: &'static [&'static str],
}
