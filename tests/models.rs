//! The models against PyTorch, site by site, on the native adapter and on the CPU executor.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::rc::Rc;

use common::{laws_models, native};
use glassformer::device::Device;

fn gpu() -> Rc<Device> {
    Rc::new(native::gpu())
}

#[test]
fn models_agree_with_pytorch_on_the_gpu() {
    pollster::block_on(laws_models::models_agree_with_pytorch(&gpu()));
}

#[test]
fn models_agree_with_pytorch_on_the_cpu() {
    pollster::block_on(laws_models::models_agree_with_pytorch(&Rc::new(Device::cpu())));
}

#[test]
fn a_wrong_weight_is_detected() {
    pollster::block_on(laws_models::a_wrong_weight_is_detected(&gpu()));
}

#[test]
fn storages_hold_to_f32() {
    pollster::block_on(laws_models::storages_hold_to_f32(&gpu()));
}

#[test]
fn a_batch_is_its_sentences() {
    pollster::block_on(laws_models::a_batch_is_its_sentences(&gpu()));
}
