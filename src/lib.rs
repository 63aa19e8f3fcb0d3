//! Glassformer: a Transformer you can see through.
//!
//! Model code records commands on a [`tape`]; the [`cpu`] runs them on twins, the [`gpu`] as a
//! program of WGSL kernels that is recorded once and replayed for every token. Imports point one
//! way:
//!
//! ```text
//! error <- site <- kernel, tuning, ring <- tape, recording <- weights <- ops <- cpu, gpu <- device
//!   <- loading <- layers <- models <- decode <- main (native), web (JavaScript)
//! ```
//!
//! Axis letters, in shapes as `[B, T, D]`: B batch, S source positions, T target positions, C slots
//! of the K-V ring, D model width, H heads, G key-value heads, K width of a head or of a row, F
//! inner width, N rows of a weight matrix, V vocabulary, P parts or positions, L layers.

pub mod cpu;
pub mod decode;
pub mod device;
pub mod error;
pub mod gpu;
pub mod kernel;
pub mod layers;
pub mod loading;
pub mod models;
pub mod ops;
pub mod recording;
pub mod ring;
pub mod site;
pub mod tape;
#[cfg(not(target_arch = "wasm32"))]
pub mod text;
pub mod tuning;
#[cfg(target_arch = "wasm32")]
pub mod web;
pub mod weights;
