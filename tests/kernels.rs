//! Every kernel against its twin and against laws, on the native adapter.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use common::{
    cases, laws_attention, laws_changes, laws_choice, laws_products, laws_ring, laws_sampling,
};
use common::{native, random, report};
use glassformer::executor::Device;

#[test]
fn the_comparator_can_fail() {
    report::the_comparator_can_fail();
}

#[test]
fn every_kernel_agrees_with_its_twin() {
    let seed = random::seed("twins");
    let wrong = pollster::block_on(cases::differences(&native::gpu(), seed));
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
fn the_ring_obeys_its_laws() {
    under_all_tunings(async |device| laws_ring::all(device).await);
}

#[test]
fn choices_obey_their_laws() {
    under_all_tunings(async |device| laws_choice::all(device).await);
}

#[test]
fn changes_obey_their_laws() {
    under_all_tunings(async |device| laws_changes::all(device).await);
}

#[test]
fn draws_obey_their_laws() {
    under_all_tunings(async |device| laws_sampling::all(device).await);
}

/// They are what kernels are held against.
#[test]
fn the_twins_obey_the_laws() {
    let device = Device::twins();
    pollster::block_on(async {
        laws_attention::all(&device).await;
        laws_ring::all(&device).await;
        laws_products::all(&device).await;
        laws_choice::all(&device).await;
        laws_sampling::all(&device).await;
        laws_changes::all(&device).await;
    });
}

fn under_all_tunings(laws: impl AsyncFn(&Device)) {
    let device = native::gpu();
    for (name, tuning) in cases::tunings(device.tuning()) {
        report::say(name);
        device.retune(tuning);
        pollster::block_on(laws(&device));
    }
}

#[test]
fn the_cases_run_every_kernel() {
    cases::every_kernel_is_dispatched(random::seed("coverage"));
}
