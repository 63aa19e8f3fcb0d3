//! The engine's face in JavaScript; the only file that knows `JsValue`.

use std::rc::Rc;

use js_sys::{Array, Float32Array, Function, Object, Reflect, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;

use crate::decode::{self, Finish, Options, Row, Step};
use crate::device::{Device, Timing};
use crate::error::{Error, Result};
use crate::gpu::{AdapterNames, Gpu};
use crate::site::Snapshot;
use crate::tuning::AdapterFacts;
use crate::weights::Storage;

#[wasm_bindgen(module = "/src/web.js")]
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
    fn milliseconds() -> f64;
    #[wasm_bindgen(js_name = glassformerError)]
    fn glassformer_error(code: &str, message: &str) -> JsValue;
}

impl From<Error> for JsValue {
    fn from(error: Error) -> JsValue {
        glassformer_error(error.code(), &error.to_string())
    }
}

/// Opens the browser's GPU, with subgroups where it has them.
pub async fn open_gpu() -> Result<Gpu> {
    watch_request_device();
    let gpu = Gpu::open(|_| AdapterNames {
        name: adapter_name(),
        vendor: adapter_vendor(),
        architecture: adapter_architecture(),
        facts: AdapterFacts {
            subgroup_size: adapter_subgroup_size(),
            software: adapter_is_software(),
        },
    })
    .await;
    unwatch_request_device();
    gpu
}

/// A device, on which models may be loaded.
#[wasm_bindgen]
pub struct Engine {
    device: Rc<Device>,
}

#[wasm_bindgen]
impl Engine {
    /// Opens `gpu` or `cpu`.
    pub async fn create(device: String) -> Result<Engine> {
        console_error_panic_hook::set_once();
        let device = match device.as_str() {
            "cpu" => Device::cpu(),
            "gpu" => Device::Gpu(Box::new(open_gpu().await?)),
            other => return Err(Error::input("device", "gpu or cpu", other)),
        };
        Ok(Engine { device: Rc::new(device) })
    }

    /// What the adapter is called.
    #[wasm_bindgen(getter)]
    pub fn adapter(&self) -> Object {
        let (backend, names) = match &*self.device {
            Device::Gpu(gpu) => ("WebGPU", gpu.names().clone()),
            Device::Cpu(_) => ("CPU", cpu_names()),
        };
        object([
            ("backend", backend.into()),
            ("name", names.name.into()),
            ("vendor", names.vendor.into()),
            ("architecture", names.architecture.into()),
            ("software", names.facts.software.into()),
            ("subgroupSize", names.facts.subgroup_size.into()),
        ])
    }

    /// Loads a MarianMT model and makes its pipelines; `on_progress` is told phase, done and all.
    pub async fn load(
        &self,
        config: String,
        generation_config: String,
        weights: Uint8Array,
        storage: String,
        on_progress: Function,
    ) -> Result<Model> {
        let Some(kind) = Storage::parse(&storage) else {
            return Err(Error::input("storage", "int8, f16 or f32", storage));
        };
        let tell = |phase: &str, done: usize, all: usize| {
            // What the page does with it is the page's business.
            let _ = on_progress.call3(&JsValue::NULL, &phase.into(), &done.into(), &all.into());
        };
        let upload = |done, all| tell("upload", done, all);
        let bytes = weights.to_vec();
        let device = Rc::clone(&self.device);
        let translator = Rc::new(decode::Translator::load(
            device,
            &config,
            &generation_config,
            &bytes,
            kind,
            &upload,
        )?);
        drop(bytes);
        tell("compile", 0, 1);
        translator.warm_up().await?;
        tell("compile", 1, 1);
        Ok(Model { translator })
    }

    /// Bytes of all buffers that exist now.
    #[wasm_bindgen(js_name = allocatedBytes)]
    pub fn allocated_bytes(&self) -> f64 {
        self.device.allocated_bytes() as f64
    }

    /// Frees the device and everything on it.
    pub fn dispose(self) {
        if let Device::Gpu(gpu) = &*self.device {
            gpu.close();
        }
    }
}

/// A loaded model.
#[wasm_bindgen]
pub struct Model {
    translator: Rc<decode::Translator>,
}

#[wasm_bindgen]
impl Model {
    /// Sizes and facts, `ModelFacts` of the npm package.
    #[wasm_bindgen(getter)]
    pub fn facts(&self) -> Object {
        let config = self.translator.config();
        let [encoder, decoder] = [config.encoder, config.decoder];
        object([
            ("family", "marian".into()),
            ("encoderLayers", encoder.layers.into()),
            ("decoderLayers", decoder.layers.into()),
            ("encoderHeads", encoder.heads.into()),
            ("decoderHeads", decoder.heads.into()),
            ("headWidth", (config.model_width / decoder.heads).into()),
            ("modelWidth", config.model_width.into()),
            ("encoderInnerWidth", encoder.inner_width.into()),
            ("decoderInnerWidth", decoder.inner_width.into()),
            ("vocabulary", config.target_vocabulary.into()),
            ("maxPositions", config.max_positions.into()),
            ("activation", config.activation.name().into()),
            ("parameters", (self.translator.parameters as f64).into()),
            ("storage", self.translator.storage.name().into()),
            ("weightBytes", (self.translator.weight_bytes as f64).into()),
        ])
    }

    /// The token that ends a sentence.
    #[wasm_bindgen(getter, js_name = eosTokenId)]
    pub fn end_token(&self) -> u32 {
        self.translator.config().generation.end_token
    }

    /// The token that fills up short sentences.
    #[wasm_bindgen(getter, js_name = padTokenId)]
    pub fn pad_token(&self) -> u32 {
        self.translator.config().generation.pad_token
    }

    /// Tokens at most, by the generation config.
    #[wasm_bindgen(getter, js_name = maxLength)]
    pub fn max_length(&self) -> usize {
        self.translator.config().generation.max_length
    }

    /// The names of all sites, in order.
    pub fn sites(&self) -> Vec<String> {
        self.translator.config().sites().iter().map(ToString::to_string).collect()
    }

    /// Encodes a batch; `options` has candidates, trace, maxTokens and ringCapacity, where 0
    /// stands for a default.
    pub async fn begin(
        &self,
        sources: Vec<Uint32Array>,
        options: Object,
    ) -> Result<Decoding> {
        let number = |key: &str| {
            let value = Reflect::get(&options, &key.into()).ok().and_then(|value| value.as_f64());
            value.map(|value| value as u32)
        };
        let options = Options {
            candidates: number("candidates").unwrap_or(1),
            trace: strings(&options, "trace"),
            max_tokens: number("maxTokens").filter(|tokens| *tokens > 0),
            ring_capacity: number("ringCapacity").filter(|slots| *slots > 0),
        };
        let sources: Vec<Vec<u32>> = sources.iter().map(Uint32Array::to_vec).collect();
        let decoding = decode::Decoding::begin(&self.translator, &sources, &options).await?;
        Ok(Decoding { decoding })
    }

    /// Gives its memory back, once its decodings are disposed of, too.
    pub fn dispose(self) {}
}

/// A batch of sentences on its way.
#[wasm_bindgen]
pub struct Decoding {
    decoding: decode::Decoding,
}

#[wasm_bindgen]
impl Decoding {
    /// What was traced while encoding, and the length to which sources were padded.
    #[wasm_bindgen(getter)]
    pub fn encoded(&self) -> Object {
        object([
            ("trace", snapshots(&self.decoding.encoded)),
            ("paddedLength", self.decoding.padded_length.into()),
        ])
    }

    /// Slots of the K-V ring.
    #[wasm_bindgen(getter, js_name = ringCapacity)]
    pub fn ring_capacity(&self) -> u32 {
        self.decoding.ring_capacity
    }

    /// Kernels that one step dispatches.
    #[wasm_bindgen(getter)]
    pub fn dispatches(&self) -> usize {
        self.decoding.dispatches()
    }

    /// Up to `count` further steps; none when every sentence has ended.
    pub async fn next(&mut self, count: u32) -> Result<Array> {
        Ok(self.decoding.next(count).await?.iter().map(step).collect())
    }

    /// Times every kernel of a step by itself: label, microseconds, operations, weightBytes. The
    /// decoding is spent afterwards.
    pub async fn profile(self, repeats: u32) -> Result<Array> {
        let timings = self.decoding.profile(repeats, &milliseconds).await?;
        let timing = |timing: &Timing| -> JsValue {
            object([
                ("label", timing.label.as_str().into()),
                ("microseconds", timing.microseconds.into()),
                ("operations", timing.operations.into()),
                ("weightBytes", timing.weight_bytes.into()),
            ])
            .into()
        };
        Ok(timings.iter().map(timing).collect())
    }

    /// Gives its memory back.
    pub fn dispose(self) {}
}

fn step(step: &Step) -> JsValue {
    let rows: Array = step.rows.iter().map(row).collect();
    object([
        ("position", step.position.into()),
        ("rows", rows.into()),
        ("trace", snapshots(&step.trace)),
    ])
    .into()
}

fn row(row: &Row) -> JsValue {
    let candidates: Array = (row.candidates.iter())
        .map(|candidate| {
            object([
                ("id", candidate.id.into()),
                ("logProbability", candidate.log_probability.into()),
            ])
        })
        .collect();
    let finish = match row.finish {
        None => JsValue::NULL,
        Some(Finish::End) => "end".into(),
        Some(Finish::Length) => "length".into(),
    };
    object([
        ("input", row.input.into()),
        ("token", row.token.into()),
        ("logProbability", row.candidates[0].log_probability.into()),
        ("rest", row.rest().into()),
        ("candidates", candidates.into()),
        ("finish", finish),
        ("active", row.active.into()),
    ])
    .into()
}

fn snapshots(snapshots: &[Snapshot]) -> JsValue {
    let all: Array = (snapshots.iter())
        .map(|snapshot| {
            let shape: Array = snapshot.shape.iter().map(|size| JsValue::from(*size)).collect();
            object([
                ("site", snapshot.site.to_string().into()),
                ("shape", shape.into()),
                ("data", Float32Array::from(snapshot.data.as_slice()).into()),
            ])
        })
        .collect();
    all.into()
}

fn cpu_names() -> AdapterNames {
    AdapterNames {
        name: "CPU".to_string(),
        vendor: String::new(),
        architecture: "wasm32".to_string(),
        facts: AdapterFacts { subgroup_size: 0, software: false },
    }
}

fn strings(object: &Object, key: &str) -> Vec<String> {
    let list = Reflect::get(object, &key.into()).unwrap_or_default();
    let list = if list.is_undefined() { Array::new() } else { Array::from(&list) };
    list.iter().filter_map(|item| item.as_string()).collect()
}

fn object<const N: usize>(entries: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (key, value) in entries {
        // A plain new object takes any property.
        let _ = Reflect::set(&object, &key.into(), &value);
    }
    object
}
