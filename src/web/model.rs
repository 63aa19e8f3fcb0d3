//! A model in JavaScript: its weights on their way, the model, a run of it.

use std::rc::Rc;

use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

use super::browser::milliseconds;
use super::objects::{self, number, object, sampling, snapshots, step, task};
use crate::decode;
use crate::error::Result;
use crate::loading;

/// A model whose weights are on their way.
#[wasm_bindgen]
pub struct Loading {
    pub(super) loading: loading::Loading<decode::Model>,
}

#[wasm_bindgen]
impl Loading {
    /// Takes the next bytes of the file.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.loading.feed(chunk);
    }

    /// The model, once the file has gone by.
    pub fn finish(self) -> Result<Model> {
        Ok(Model { model: Rc::new(self.loading.finish()?) })
    }
}

/// A loaded model.
#[wasm_bindgen]
pub struct Model {
    model: Rc<decode::Model>,
}

#[wasm_bindgen]
impl Model {
    /// Makes its pipelines: what a first run would otherwise wait for.
    #[wasm_bindgen(js_name = warmUp)]
    pub async fn warm_up(&self) -> Result<()> {
        self.model.warm_up().await
    }

    /// Sizes and facts, `Facts` of the npm package.
    #[wasm_bindgen(getter)]
    pub fn facts(&self) -> Object {
        objects::facts(&self.model)
    }

    /// The tokens that end a text, by the model's configuration.
    #[wasm_bindgen(getter, js_name = endTokens)]
    pub fn end_tokens(&self) -> Vec<u32> {
        self.model.config().generation.end_tokens.clone()
    }

    /// The names of all sites, in order.
    pub fn sites(&self) -> Vec<String> {
        self.model.sites().iter().map(ToString::to_string).collect()
    }

    /// Takes in the rows of a task, `RawTask` of the npm package.
    pub async fn begin(&self, options: Object) -> Result<Run> {
        Ok(Run { run: decode::Run::begin(&self.model, &task(&options)?).await? })
    }

    /// Chooses again from a step's logits, which `history` led to; `options` is `RawSampling` of
    /// the npm package, with candidates.
    pub async fn reconsider(
        &self,
        logits: Vec<f32>,
        history: Vec<u32>,
        options: Object,
    ) -> Result<JsValue> {
        let candidates = number(&options, "candidates") as u32;
        let position = (history.len() as u32).saturating_sub(1);
        let sampling = sampling(&options);
        let model = &self.model;
        let row = model.reconsider(&logits, &history, &sampling, candidates, position).await?;
        Ok(objects::row(&row))
    }

    /// Gives its memory back, once its runs are disposed of, too.
    pub fn dispose(self) {}
}

/// A task on its way.
#[wasm_bindgen]
pub struct Run {
    run: decode::Run,
}

#[wasm_bindgen]
impl Run {
    /// What was read while rows were taken in, part by part.
    #[wasm_bindgen(getter)]
    pub fn read(&self) -> Array {
        let part = |part: &decode::Part| {
            object([("first", part.first.into()), ("trace", snapshots(&part.trace))])
        };
        self.run.read.iter().map(part).collect()
    }

    /// The length to which sources were filled up; 0 without an encoder.
    #[wasm_bindgen(getter, js_name = paddedLength)]
    pub fn padded_length(&self) -> u32 {
        self.run.padded_length
    }

    /// Slots of the K-V rings.
    #[wasm_bindgen(getter, js_name = ringCapacity)]
    pub fn ring_capacity(&self) -> u32 {
        self.run.ring_capacity
    }

    /// Slots that keep the first positions for good.
    #[wasm_bindgen(getter)]
    pub fn sinks(&self) -> u32 {
        self.run.sinks
    }

    /// Kernels that one step dispatches.
    #[wasm_bindgen(getter)]
    pub fn dispatches(&self) -> usize {
        self.run.dispatches()
    }

    /// Up to `count` further steps; none when every row has ended.
    pub async fn next(&mut self, count: u32) -> Result<Array> {
        Ok(self.run.next(count).await?.iter().map(step).collect())
    }

    /// Times every kernel of a step by itself: label, microseconds, operations, weightBytes. The
    /// run is spent afterwards.
    pub async fn profile(self, repeats: u32) -> Result<Array> {
        let timings = self.run.profile(repeats, &milliseconds).await?;
        Ok(timings.iter().map(objects::timing).collect())
    }

    /// Gives its memory back.
    pub fn dispose(self) {}
}
