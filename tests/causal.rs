//! Decoder-only models against PyTorch and against laws, on the native adapter and on the CPU executor.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::rc::Rc;

use common::{cases, laws_causal, laws_generation, native};
use glassformer::device::Device;
use glassformer::tuning::Tuning;

fn gpu() -> Rc<Device> {
    Rc::new(native::gpu())
}

fn cpu() -> Rc<Device> {
    Rc::new(Device::cpu())
}

#[test]
fn models_agree_with_pytorch_on_the_gpu() {
    pollster::block_on(laws_causal::models_agree_with_pytorch(&gpu()));
}

#[test]
fn models_agree_with_pytorch_on_the_cpu() {
    pollster::block_on(laws_causal::models_agree_with_pytorch(&cpu()));
}

#[test]
fn a_wrong_weight_is_detected() {
    pollster::block_on(laws_causal::a_wrong_weight_is_detected(&gpu()));
}

#[test]
fn the_ring_never_ends() {
    pollster::block_on(laws_causal::the_ring_never_ends(&gpu()));
    pollster::block_on(laws_causal::the_ring_never_ends(&cpu()));
}

#[test]
fn a_prompt_may_be_taken_in_anyhow() {
    for chunk in [1, 5, 64] {
        let mut device = native::gpu();
        let own = device.tuning();
        cases::retune(&mut device, Tuning { chunk, ..own });
        pollster::block_on(laws_causal::a_prompt_may_be_taken_in_anyhow(&Rc::new(device)));
    }
}

#[test]
fn writing_obeys_its_laws() {
    pollster::block_on(laws_causal::writing_obeys_its_laws(&gpu()));
    pollster::block_on(laws_causal::writing_obeys_its_laws(&cpu()));
}

#[test]
fn drawing_obeys_its_laws() {
    pollster::block_on(laws_generation::all(&gpu()));
    pollster::block_on(laws_generation::all(&cpu()));
}
