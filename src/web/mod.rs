//! The engine's face in JavaScript; the only folder that knows `JsValue`.

mod browser;
mod objects;

use std::rc::Rc;

use js_sys::{Array, Function, Object, Reflect, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;

use crate::decode::{self, Options};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::weights::Storage;
use browser::{cpu_names, milliseconds};
use objects::{object, snapshots, step, strings};

pub use browser::open_gpu;

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
            return Err(Error::input("storage", "int8, q8, q4, f16 or f32", storage));
        };
        let tell = |phase: &str, done: u64, all: u64| {
            let [done, all] = [done, all].map(|count| JsValue::from(count as f64));
            // What the page does with it is the page's business.
            let _ = on_progress.call3(&JsValue::NULL, &phase.into(), &done, &all);
        };
        let upload = |done, all| tell("upload", done, all);
        let bytes = weights.to_vec();
        let device = Rc::clone(&self.device);
        let translator = Rc::new(decode::Translator::load(
            device,
            &config,
            &generation_config,
            &bytes[..],
            bytes.len() as u64,
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
        objects::facts(&self.translator)
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
    pub async fn begin(&self, sources: Vec<Uint32Array>, options: Object) -> Result<Decoding> {
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
        Ok(timings.iter().map(objects::timing).collect())
    }

    /// Gives its memory back.
    pub fn dispose(self) {}
}
