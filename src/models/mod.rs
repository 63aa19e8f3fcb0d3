//! Models: one forward pass for all, and a file for each family: what its configuration says and how its weights are called.

pub mod config;
mod decoder_only;
pub mod families;
mod family;
pub mod fields;
pub mod generation;
mod gpt2;
mod llama;
mod marian;
mod marian_config;
pub mod transformer;
