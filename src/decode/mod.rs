//! Decoding: one way to run any model. The loop lives on the device; the host only says how many steps to run.

mod buffers;
mod limits;
mod model;
mod reading;
mod reconsider;
mod run;
mod sites;
mod step;
mod steps;
mod task;

pub use model::Model;
pub use reading::Part;
pub use run::Run;
pub use step::{Candidate, Finish, Row, Step};
pub use task::{Input, Task};

pub use crate::ops::sampling::Sampling;
