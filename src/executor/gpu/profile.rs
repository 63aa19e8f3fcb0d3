//! Times the dispatches of a program, those of one kind by themselves, and says what they have to do.

use super::program::{GpuProgram, Step};
use crate::error::Result;
use crate::executor::Timing;
use crate::recording::Dispatch;

/// What a dispatch is called and has to do.
#[derive(Debug, Clone)]
pub(super) struct Work {
    label: String,
    operations: f64,
    weight_bytes: f64,
}

impl Work {
    pub fn of(dispatch: &Dispatch) -> Work {
        let kernel = dispatch.kernel;
        if !kernel.bindings.iter().any(|(name, _)| *name == "weight") || kernel.name == "embed" {
            return Work { label: kernel.name.to_string(), operations: 0.0, weight_bytes: 0.0 };
        }
        let [x, weight, rows] = ["x", "weight", "rows"].map(|name| dispatch.tensor(name));
        // The width of a row of weights: x may be wider, before a gate.
        let width = dispatch.constant("K").unwrap_or(f64::from(x.width()));
        let [times, outputs] = ["T", "N"].map(|name| f64::from(dispatch.size(name)));
        Work {
            label: format!("{} {width}→{outputs}, {times} rows", kernel.name),
            operations: 2.0 * times * width * outputs,
            weight_bytes: 4.0 * (f64::from(weight.len()) + f64::from(rows.len())),
        }
    }
}

impl GpuProgram {
    /// Runs the dispatches of each kind `repeats` times in one submission, and the same twice as
    /// often; the difference is free of what a submission costs. They run in turn, as in a step:
    /// one alone would find its weights, keys and values in a cache. `now` gives milliseconds. The
    /// results of the program are worthless afterwards.
    pub(super) async fn time_kinds(
        &self,
        repeats: u32,
        now: &dyn Fn() -> f64,
    ) -> Result<Vec<Timing>> {
        let mut kinds: Vec<(&Work, Vec<&Step>)> = vec![];
        for step in &self.steps {
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
                self.submit_alone(steps).finish(&self.arena.gpu).await?;
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
