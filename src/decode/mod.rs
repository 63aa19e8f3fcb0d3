//! Decoding: the loop lives on the device; the host only says how many steps to run.

mod greedy;
mod translator;

pub use greedy::{Candidate, Decoding, Finish, Options, Row, Step};
pub use translator::Translator;
