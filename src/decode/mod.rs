//! Decoding: the loop lives on the device; the host only says how many steps to run.

mod buffers;
mod greedy;
mod options;
mod step;
mod translator;

pub use greedy::Decoding;
pub use options::Options;
pub use step::{Candidate, Finish, Row, Step};
pub use translator::Translator;
