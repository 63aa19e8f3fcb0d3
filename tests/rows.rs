//! Rows of a batch, and how they begin, on the native adapter and on the twins.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::rc::Rc;

use common::golden::{causal, marian};
use common::{laws_rows, native};
use glassformer::executor::Device;

#[test]
fn rows_obey_their_laws_on_the_gpu() {
    let device = Rc::new(native::gpu());
    pollster::block_on(laws_rows::a_batch_is_its_texts(&device, &causal::ALL));
    pollster::block_on(laws_rows::prefixes_go_on(&device, &marian::ALL));
    pollster::block_on(laws_rows::ends_are_those_of_pytorch(&device));
}

#[test]
fn rows_obey_their_laws_on_the_twins() {
    let device = Rc::new(Device::twins());
    pollster::block_on(laws_rows::a_batch_is_its_texts(&device, &causal::ALL));
    pollster::block_on(laws_rows::prefixes_go_on(&device, &marian::ALL));
    pollster::block_on(laws_rows::ends_are_those_of_pytorch(&device));
    pollster::block_on(laws_rows::impossible_beginnings_are_refused(&device));
}
