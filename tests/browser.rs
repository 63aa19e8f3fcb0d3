//! The engine in a real browser: kernels, laws, models and tracing as natively, and what the
//! browser's adapter allows.
#![cfg(target_arch = "wasm32")]

#[allow(dead_code, reason = "what takes too long here is tried natively")]
mod common;

use std::rc::Rc;

use glassformer::executor::Device;
use glassformer::tuning::Tuning;
use glassformer::web::open_gpu;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use common::golden::{causal, marian};
use common::report::say;
use common::{cases, laws_attention, laws_choice, laws_decoding, laws_models, laws_products};
use common::{laws_causal, laws_changes, laws_edits, laws_generation, laws_ring, laws_rows};
use common::{laws_sampling, random, report};

wasm_bindgen_test_configure!(run_in_browser);

async fn gpu() -> Device {
    let device = open_gpu().await.expect("an adapter");
    say(&format!("adapter: {}, {:?}", device.adapter().name, device.tuning()));
    device
}

#[wasm_bindgen_test]
fn the_comparator_can_fail() {
    report::the_comparator_can_fail();
}

#[wasm_bindgen_test]
fn the_cases_run_every_kernel() {
    cases::every_kernel_is_dispatched(random::seed("coverage"));
}

#[wasm_bindgen_test]
async fn every_kernel_agrees_with_its_twin() {
    let seed = random::seed("twins");
    let wrong = cases::differences(&gpu().await, seed).await;
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[wasm_bindgen_test]
async fn kernels_obey_their_laws() {
    let device = gpu().await;
    for (name, tuning) in cases::tunings(device.tuning()) {
        say(name);
        device.retune(tuning);
        laws_attention::all(&device).await;
        laws_ring::all(&device).await;
        laws_products::all(&device).await;
        laws_choice::all(&device).await;
        laws_sampling::all(&device).await;
        laws_changes::all(&device).await;
    }
}

#[wasm_bindgen_test]
async fn models_agree_with_pytorch() {
    let device = Rc::new(gpu().await);
    laws_models::models_agree_with_pytorch(&device).await;
    laws_models::a_wrong_weight_is_detected(&device).await;
}

#[wasm_bindgen_test]
async fn models_agree_with_pytorch_on_the_cpu_executor() {
    laws_models::models_agree_with_pytorch(&Rc::new(Device::cpu())).await;
}

#[wasm_bindgen_test]
async fn models_hold_in_every_storage_and_batch() {
    let device = Rc::new(gpu().await);
    laws_models::storages_hold_to_f32(&device).await;
    laws_models::a_batch_is_its_sentences(&device).await;
}

#[wasm_bindgen_test]
async fn decoder_only_models_agree_with_pytorch() {
    let device = Rc::new(gpu().await);
    laws_causal::models_agree_with_pytorch(&device).await;
    laws_causal::a_wrong_weight_is_detected(&device).await;
    laws_causal::the_ring_never_ends(&device).await;
}

#[wasm_bindgen_test]
async fn writing_obeys_its_laws() {
    let device = Rc::new(gpu().await);
    laws_causal::writing_obeys_its_laws(&device).await;
    laws_causal::a_slot_is_the_rings(&device).await;
    laws_causal::a_prompt_may_be_taken_in_anyhow(&device).await;
    laws_generation::all(&device).await;
}

#[wasm_bindgen_test]
async fn edits_agree_with_pytorch() {
    laws_edits::edits_agree_with_pytorch(&Rc::new(gpu().await), 6).await;
}

#[wasm_bindgen_test]
async fn rows_obey_their_laws() {
    let device = Rc::new(gpu().await);
    laws_rows::a_batch_is_its_texts(&device, &causal::ALL[3..4]).await;
    laws_rows::prefixes_go_on(&device, &marian::ALL[..1]).await;
}

#[wasm_bindgen_test]
async fn decoding_obeys_its_laws() {
    laws_decoding::all(&Rc::new(gpu().await)).await;
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).expect("a property")
}

/// The adapter as the browser gives it, past everything of ours.
async fn adapter() -> JsValue {
    let gpu = get(&get(&js_sys::global(), "navigator"), "gpu");
    let request: Function = get(&gpu, "requestAdapter").dyn_into().expect("WebGPU");
    let promise: Promise = request.call0(&gpu).expect("a promise").dyn_into().expect("a promise");
    let adapter = JsFuture::from(promise).await.expect("an answer");
    assert!(!adapter.is_null(), "the browser has an adapter");
    adapter
}

/// What kernels take for granted.
#[wasm_bindgen_test]
async fn the_adapter_allows_what_kernels_need() {
    let limits = get(&adapter().await, "limits");
    let needed = [
        ("maxStorageBuffersPerShaderStage", 8.0),
        ("maxComputeWorkgroupStorageSize", 2.0 * 144.0 * 16.0),
        ("maxComputeInvocationsPerWorkgroup", 256.0),
        ("maxComputeWorkgroupSizeX", 256.0),
        ("maxComputeWorkgroupsPerDimension", 65_535.0),
        ("maxStorageBufferBindingSize", 128.0 * 1024.0 * 1024.0),
        ("maxUniformBufferBindingSize", 256.0),
    ];
    for (name, least) in needed {
        let limit = get(&limits, name).as_f64().expect("a number");
        say(&format!("{name}: {limit}"));
        assert!(limit >= least, "{name} is {limit}, {least} needed");
    }
    let alignment = get(&limits, "minUniformBufferOffsetAlignment").as_f64().expect("a number");
    assert!(alignment <= 256.0, "uniforms start at multiples of 256, not of {alignment}");
}

/// wgpu does not ask for them on the web; the engine does, and then tunes itself to them.
#[wasm_bindgen_test]
async fn subgroups_are_used_where_the_adapter_has_them() {
    let features = get(&adapter().await, "features");
    let has: Function = get(&features, "has").dyn_into().expect("a set");
    let has = has.call1(&features, &"subgroups".into()).expect("an answer").is_truthy();
    let Tuning { subgroups, workgroup, .. } = gpu().await.tuning();
    say(&format!("subgroups: {has}, a workgroup of {workgroup}"));
    assert_eq!(subgroups, has, "the adapter has subgroups, and the tuning uses them");
}
