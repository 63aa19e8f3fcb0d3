//! Decoding: the loop lives on the device; the host only says how many steps to run.

mod buffers;
mod generate_options;
mod generation;
mod generator;
mod greedy;
mod loaded;
mod options;
mod reconsider;
mod step;
mod steps;
mod translator;

pub use generate_options::GenerateOptions;
pub use generation::Generation;
pub use generator::Generator;
pub use greedy::Decoding;
pub use loaded::{Loaded, Model};
pub use options::Options;
pub use step::{Candidate, Finish, Row, Step};
pub use translator::Translator;

pub use crate::ops::sampling::Sampling;
