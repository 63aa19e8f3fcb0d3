//! Times the dispatches of a program, those of one kind by themselves, and says what they have to do.

use super::Gpu;
use super::program::{Program, Step};
use crate::error::Result;
use crate::tape::Dispatch;

/// What one dispatch takes and does.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Kernel and shape, e.g. `linear_vector 256→1024`.
    pub label: String,
    /// A run of it: the mean of all dispatches of its kind.
    pub microseconds: f64,
    /// Multiplications and additions, for products; 0 for other kernels.
    pub operations: f64,
    /// Bytes of weights that it reads, for products; 0 for other kernels.
    pub weight_bytes: f64,
}

/// What a dispatch is called and has to do.
#[derive(Debug, Clone)]
pub(super) struct Work {
    label: String,
    operations: f64,
    weight_bytes: f64,
}

impl Work {
    pub fn of(dispatch: &Dispatch) -> Work {
        let Dispatch { kernel, tensors, .. } = dispatch;
        let position = |name: &str| kernel.bindings.iter().position(|(known, _)| *known == name);
        let shape = |name: &str| position(name).map(|index| tensors[index]);
        let operands = (shape("x"), shape("weight"), shape("rows"), shape("y"));
        let (Some(x), Some(weight), Some(rows), Some(y)) = operands else {
            return Work { label: kernel.name.to_string(), operations: 0.0, weight_bytes: 0.0 };
        };
        // The width of a row of weights: x may be wider, before a gate.
        let width = dispatch.constants.iter().find(|(name, _)| *name == "K");
        let width = width.map_or(f64::from(x.width()), |(_, width)| *width);
        Work {
            label: format!("{} {width}→{}, {} rows", kernel.name, y.width(), x.rows()),
            operations: 2.0 * f64::from(x.rows()) * width * f64::from(y.width()),
            weight_bytes: 4.0 * (f64::from(weight.len()) + f64::from(rows.len())),
        }
    }
}

impl Gpu {
    /// Runs the dispatches of each kind `repeats` times in one submission, and the same twice as
    /// often; the difference is free of what a submission costs. They run in turn, as in a step:
    /// one alone would find its weights, keys and values in a cache. `now` gives milliseconds. The
    /// results of the program are worthless afterwards.
    pub async fn profile(
        &self,
        program: &Program,
        repeats: u32,
        now: &dyn Fn() -> f64,
    ) -> Result<Vec<Timing>> {
        let mut kinds: Vec<(&Work, Vec<&Step>)> = vec![];
        for step in &program.steps {
            let Step::Dispatch { work, .. } = step else { continue };
            match kinds.iter_mut().find(|(known, _)| known.label == work.label) {
                Some((_, steps)) => steps.push(step),
                None => kinds.push((work, vec![step])),
            }
        }
        let mut timings = vec![];
        for (work, kind) in kinds {
            let mut taken = [0.0; 3];
            for (round, taken) in taken.iter_mut().enumerate() {
                let times = if round == 2 { 2 * repeats } else { repeats };
                let begun = now();
                let steps = (0..times).flat_map(|_| kind.iter().copied());
                self.submit_alone(steps).finish(self).await?;
                *taken = now() - begun;
            }
            let runs = f64::from(repeats) * kind.len() as f64;
            let microseconds = 1000.0 * (taken[2] - taken[1]).max(0.0) / runs;
            let Work { label, operations, weight_bytes } = work.clone();
            let timing = Timing { label, microseconds, operations, weight_bytes };
            timings.extend(std::iter::repeat_n(timing, kind.len()));
        }
        Ok(timings)
    }
}
