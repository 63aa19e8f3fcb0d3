//! Decoder-only models against PyTorch and against laws, on the native adapter and on the CPU executor.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::rc::Rc;

use common::golden::causal;
use common::{laws_causal, laws_generation, native};
use glassformer::executor::Device;
use glassformer::tuning::Tuning;
use glassformer::weights::Storage;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

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
fn a_slot_is_the_rings() {
    pollster::block_on(laws_causal::a_slot_is_the_rings(&gpu()));
    pollster::block_on(laws_causal::a_slot_is_the_rings(&cpu()));
}

/// A norm of queries, as later families have it, is named; the masks that GPT-2 files hold are not.
#[test]
fn a_tensor_that_no_layer_reads_is_refused_unless_it_is_harmless() {
    for (golden, name, is_refused) in [
        (&causal::ALL[2], "model.layers.1.self_attn.q_norm.weight", true),
        (&causal::ALL[2], "model.layers.1.self_attn.rotary_emb.inv_freq", false),
        (&causal::ALL[0], "transformer.h.0.attn.bias", false),
    ] {
        let file = SafeTensors::deserialize(golden.weights).expect("weights");
        let one = TensorView::new(Dtype::F32, vec![1], &[0; 4]).expect("a tensor");
        let tensors = file.tensors().into_iter().chain([(name.to_string(), one)]);
        let weights = safetensors::serialize(tensors, None).expect("a file");
        match golden.try_load(&cpu(), Storage::F32, golden.generation, &weights) {
            Ok(_) => assert!(!is_refused, "{name}"),
            Err(error) => {
                assert!(is_refused && error.to_string().contains(name), "{error}");
                assert_eq!(error.code(), "weights");
            }
        }
    }
}

#[test]
fn the_ring_never_ends() {
    pollster::block_on(laws_causal::the_ring_never_ends(&gpu()));
    pollster::block_on(laws_causal::the_ring_never_ends(&cpu()));
}

#[test]
fn a_prompt_may_be_taken_in_anyhow() {
    for chunk in [1, 5, 64] {
        let device = native::gpu();
        device.retune(Tuning { chunk, ..device.tuning() });
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
