//! Edits against PyTorch with the same change, on the native adapter and on the twins.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::rc::Rc;

use common::{laws_edits, native};
use glassformer::executor::Device;

#[test]
fn edits_agree_with_pytorch_on_the_gpu() {
    pollster::block_on(laws_edits::edits_agree_with_pytorch(&Rc::new(native::gpu()), 1));
}

#[test]
fn edits_agree_with_pytorch_on_the_twins() {
    pollster::block_on(laws_edits::edits_agree_with_pytorch(&Rc::new(Device::twins()), 1));
}

#[test]
fn edits_obey_their_laws() {
    let device = Rc::new(Device::twins());
    pollster::block_on(laws_edits::an_edit_costs_what_it_says(&device));
    pollster::block_on(laws_edits::what_does_not_fit_is_refused(&device));
}
