//! What the native tests and those in the browser share: cases, laws, golden models.

pub mod attend;
pub mod cases;
pub mod cases_attention;
pub mod cases_choice;
pub mod cases_edits;
pub mod cases_products;
pub mod cases_ring;
pub mod cases_sampling;
pub mod golden;
pub mod laws_attention;
pub mod laws_causal;
pub mod laws_changes;
pub mod laws_choice;
pub mod laws_decoding;
pub mod laws_edits;
pub mod laws_generation;
pub mod laws_models;
pub mod laws_products;
pub mod laws_ring;
pub mod laws_sampling;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
pub mod random;
pub mod report;
pub mod sketch;
