//! Glassformer: a Transformer you can see through.

pub mod cpu;
pub mod decode;
pub mod device;
pub mod error;
pub mod gpu;
pub mod kernel;
pub mod layers;
pub mod models;
pub mod ops;
pub mod recording;
pub mod site;
pub mod tape;
#[cfg(not(target_arch = "wasm32"))]
pub mod text;
pub mod tuning;
#[cfg(target_arch = "wasm32")]
pub mod web;
pub mod weights;
