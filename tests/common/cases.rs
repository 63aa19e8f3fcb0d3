//! Every kernel beside its twin: a case is recorded for the GPU's tuning, and run on both.

use std::collections::{BTreeMap, BTreeSet};

use glassformer::executor::Device;
use glassformer::ops;
use glassformer::tuning::{AdapterFacts, Tuning};

use super::random::Random;
use super::report::{relative_error, same_bits, say};
use super::sketch::{Compare, Outcome, Sketch};
use super::{
    cases_attention, cases_choice, cases_edits, cases_products, cases_ring, cases_sampling,
};

/// What a kernel may differ from its twin, relative to the largest value of a tensor.
const MOST_ERROR: f64 = 2e-5;

/// Draws inputs and records ops.
pub struct Case {
    pub name: String,
    /// Kernels store what they otherwise keep to themselves.
    pub traced: bool,
    pub record: Box<dyn Fn(&mut Sketch)>,
}

impl Case {
    pub fn new(name: String, traced: bool, record: impl Fn(&mut Sketch) + 'static) -> Case {
        Case { name, traced, record: Box::new(record) }
    }

    fn sketch<'a>(&self, device: &'a Device, tuning: Tuning, seed: u64) -> Sketch<'a> {
        let mut sketch = Sketch::new(device, tuning, self.traced, seed);
        (self.record)(&mut sketch);
        sketch
    }

    async fn run(&self, device: &Device, tuning: Tuning, seed: u64) -> Outcome {
        self.sketch(device, tuning, seed).run().await
    }
}

/// The cases of all kernels; some of their sizes are drawn.
pub fn all(random: &mut Random) -> Vec<Case> {
    let mut cases = cases_products::embeddings(random);
    cases.extend(cases_products::norms());
    cases.extend(cases_products::gates());
    cases.extend(cases_products::products(random));
    cases.extend(cases_attention::padded());
    cases.extend(cases_attention::ring());
    cases.extend(cases_ring::chunk());
    cases.extend(cases_ring::rotate());
    cases.extend(cases_ring::store());
    cases.extend(cases_edits::edit());
    cases.extend(cases_edits::finish());
    cases.extend(cases_edits::share());
    cases.extend(cases_edits::attend_openly());
    cases.extend(cases_edits::attend_fused());
    cases.extend(cases_choice::top_k());
    cases.extend(cases_choice::choose());
    cases.extend(cases_sampling::all());
    cases
}

/// Cases dispatch every kernel that there is.
pub fn every_kernel_is_dispatched(seed: u64) {
    let device = Device::twins();
    let own = Tuning::of(AdapterFacts { subgroup_size: 8, software: true });
    let mut known = BTreeSet::new();
    for (_, tuning) in tunings(own) {
        for case in all(&mut Random::new(seed)) {
            for dispatch in case.sketch(&device, tuning, seed).record().dispatches() {
                known.insert(dispatch.kernel.name);
            }
        }
    }
    let all: BTreeSet<&str> = ops::ALL.iter().map(|kernel| kernel.name).collect();
    assert_eq!(known, all, "kernels that cases dispatch, and kernels that there are");
}

/// How kernels may be cut on an adapter: as the table has it, and in other ways. Browsers, where
/// pipelines take long to make, try the kinds of reduction only.
pub fn tunings(own: Tuning) -> Vec<(&'static str, Tuning)> {
    let bare = Tuning::of(AdapterFacts { subgroup_size: 0, software: false });
    let few = Tuning { most_workgroups: 3, rows_in_turn: 4, query_tile: 3, ..bare };
    let spread = Tuning {
        most_workgroups: 65_535,
        rows_in_turn: 1,
        query_tile: 2,
        choice_parts: 64,
        known_lengths: false,
        ..own
    };
    let mut tunings = vec![("no subgroups", bare)];
    if cfg!(not(target_arch = "wasm32")) {
        tunings.push(("no subgroups, few workgroups", few));
        tunings.push(("tiles, many workgroups", Tuning { tiled_from: 2, ..spread }));
    }
    tunings.push(("the adapter's own", own));
    tunings
}

/// Runs all cases on the GPU and on the CPU executor, under each tuning; gives what went wrong.
pub async fn differences(gpu: &Device, seed: u64) -> Vec<String> {
    let cases = all(&mut Random::new(seed));
    let twins = Device::twins();
    let mut wrong = vec![];
    let mut worst: BTreeMap<&str, (f64, String)> = BTreeMap::new();
    for (tuned, tuning) in tunings(gpu.tuning()) {
        gpu.retune(tuning);
        for (case, seed) in cases.iter().zip(seed..) {
            let expected = case.run(&twins, tuning, seed).await;
            let found = case.run(gpu, tuning, seed).await;
            let error = difference(&expected, &found);
            let name = format!("{}, {tuned}", case.name);
            if error > MOST_ERROR {
                wrong.push(format!("{}: {error:.1e} off: {name}", found.kernel));
            }
            let worst = worst.entry(found.kernel).or_default();
            if error >= worst.0 {
                *worst = (error, name);
            }
        }
    }
    for (kernel, (error, name)) in worst {
        say(&format!("{kernel}: at worst {error:.1e} off its twin ({name})"));
    }
    wrong
}

fn difference(expected: &Outcome, found: &Outcome) -> f64 {
    if expected.shown.len() != found.shown.len() || expected.shown.is_empty() {
        return f64::INFINITY;
    }
    let pairs = expected.shown.iter().zip(&found.shown);
    let errors = pairs.map(|(expected, found)| match expected.compare {
        Compare::Values => relative_error(&expected.data, &found.data),
        Compare::ValuesOf(size) => {
            let beside = |data: &[f32]| [data, &[size]].concat();
            relative_error(&beside(&expected.data), &beside(&found.data))
        }
        Compare::Words if same_bits(&expected.data, &found.data) => 0.0,
        Compare::Words => f64::INFINITY,
    });
    errors.fold(0.0, f64::max)
}
