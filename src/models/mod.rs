//! Model families: one file each, to be read from the top down, and what their configurations say.

pub mod fields;
pub mod generation;
pub mod marian;
pub mod marian_config;
