//! What the engine asks of the browser: its GPU, with subgroups, and errors of its own kind.

use wasm_bindgen::prelude::*;

use crate::error::{Error, Result};
use crate::executor::gpu::{Ahead, Platform};
use crate::executor::{Adapter, Device};
use crate::tuning::AdapterFacts;

#[wasm_bindgen(module = "/src/web/browser.js")]
extern "C" {
    #[wasm_bindgen(js_name = watchRequestDevice)]
    fn watch_request_device();
    #[wasm_bindgen(js_name = unwatchRequestDevice)]
    fn unwatch_request_device();
    #[wasm_bindgen(js_name = adapterVendor)]
    fn adapter_vendor() -> String;
    #[wasm_bindgen(js_name = adapterArchitecture)]
    fn adapter_architecture() -> String;
    #[wasm_bindgen(js_name = adapterName)]
    fn adapter_name() -> String;
    #[wasm_bindgen(js_name = adapterIsSoftware)]
    fn adapter_is_software() -> bool;
    #[wasm_bindgen(js_name = adapterSubgroupSize)]
    fn adapter_subgroup_size() -> u32;
    #[wasm_bindgen(js_name = beginPipelines)]
    fn begin_pipelines();
    #[wasm_bindgen(js_name = finishPipelines)]
    async fn finish_pipelines();
    /// Milliseconds since some moment.
    pub fn milliseconds() -> f64;
    #[wasm_bindgen(js_name = whyNoAdapter)]
    fn why_no_adapter() -> String;
    #[wasm_bindgen(js_name = glassformerError)]
    fn glassformer_error(code: &str, message: &str) -> JsValue;
}

/// Opens the browser's GPU, with subgroups where it has them.
pub async fn open_gpu() -> Result<Device> {
    watch_request_device();
    let names = |_: Adapter| Adapter {
        backend: "WebGPU",
        name: adapter_name(),
        vendor: adapter_vendor(),
        architecture: adapter_architecture(),
        facts: AdapterFacts {
            subgroup_size: adapter_subgroup_size(),
            software: adapter_is_software(),
        },
    };
    let ahead = Ahead { begin: begin_pipelines, finish: || Box::pin(finish_pipelines()) };
    let gpu = Device::gpu(Platform { names, ahead: Some(ahead) }).await;
    unwatch_request_device();
    gpu.map_err(|error| match error {
        // What wgpu says names backends that no browser has.
        Error::NoWebGpu { .. } => Error::NoWebGpu { found: why_no_adapter() },
        error => error,
    })
}

impl From<Error> for JsValue {
    fn from(error: Error) -> JsValue {
        glassformer_error(error.code(), &error.to_string())
    }
}
