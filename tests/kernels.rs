//! Every kernel against its twin and against laws, on the native adapter.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::collections::BTreeSet;

use common::{cases, laws_attention, laws_choice, laws_products, native, random, report};
use glassformer::device::Device;
use glassformer::ops;

#[test]
fn the_comparator_can_fail() {
    report::the_comparator_can_fail();
}

#[test]
fn every_kernel_agrees_with_its_twin() {
    let seed = random::seed("twins");
    let wrong = pollster::block_on(cases::differences(&mut native::gpu(), seed));
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn attention_obeys_its_laws() {
    under_all_tunings(async |device| laws_attention::all(device).await);
}

#[test]
fn products_obey_their_laws() {
    under_all_tunings(async |device| laws_products::all(device).await);
}

#[test]
fn choices_obey_their_laws() {
    under_all_tunings(async |device| laws_choice::all(device).await);
}

fn under_all_tunings(laws: impl AsyncFn(&Device)) {
    let mut device = native::gpu();
    for (name, tuning) in cases::tunings(device.tuning()) {
        report::say(name);
        cases::retune(&mut device, tuning);
        pollster::block_on(laws(&device));
    }
}

#[test]
fn the_cases_run_every_kernel_with_the_constants_that_it_names() {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let recordings = cases::recordings(random::seed("coverage"));
    for dispatch in recordings.iter().flat_map(|recording| recording.dispatches()) {
        let kernel = dispatch.kernel;
        known.insert(kernel.name);
        let mut set: Vec<&str> = dispatch.constants.iter().map(|(name, _)| *name).collect();
        let mut named = kernel.constants.to_vec();
        set.sort();
        named.sort();
        assert_eq!(set, named, "{kernel:?}: what a dispatch sets, and what the kernel names");
    }
    let all: BTreeSet<&str> = ops::ALL.iter().map(|kernel| kernel.name).collect();
    assert_eq!(known, all, "kernels that cases dispatch, and kernels that there are");
}
