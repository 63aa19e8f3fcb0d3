//! Glassformer: a Transformer you can see through.

pub mod cpu;
pub mod error;
pub mod kernel;
pub mod models;
pub mod ops;
pub mod recording;
pub mod site;
pub mod tape;
pub mod tuning;
pub mod weights;
