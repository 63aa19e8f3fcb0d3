//! Glassformer: a Transformer you can see through.
//!
//! Model code records commands on a [`tape`]; [`fuse`] makes fewer of them; an [`executor`] runs
//! them: on the CPU as functions, on a GPU as WGSL kernels, recorded once and replayed for every
//! token. Imports point one way:
//!
//! ```text
//! error <- site, tensor <- kernel, tuning, ring, step_state, mask <- recording, probe, tape <- weights
//!   <- ops <- fuse <- executor <- loading <- layers <- models <- decode <- main (native), web (JavaScript)
//! ```
//!
//! Axis letters, in shapes as `[B, T, D]`: B batch, S source positions, T target positions, C slots
//! of the K-V ring, D model width, H heads, G key-value heads, K width of a head or of a row, F
//! inner width, N rows of a weight matrix, V vocabulary, P parts or positions, L layers.

pub mod decode;
pub mod error;
pub mod executor;
pub mod fuse;
pub mod kernel;
pub mod layers;
pub mod loading;
pub mod mask;
pub mod models;
pub mod ops;
pub mod probe;
pub mod recording;
pub mod ring;
pub mod site;
pub mod step_state;
pub mod tape;
pub mod tensor;
#[cfg(not(target_arch = "wasm32"))]
pub mod text;
pub mod tuning;
#[cfg(target_arch = "wasm32")]
pub mod web;
pub mod weights;
