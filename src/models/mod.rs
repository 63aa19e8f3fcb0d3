//! Model families: one file each, to be read from the top down, and what their configurations say.

pub mod causal;
pub mod causal_config;
pub mod fields;
pub mod generation;
pub mod gpt2;
pub mod llama;
pub mod marian;
pub mod marian_config;
