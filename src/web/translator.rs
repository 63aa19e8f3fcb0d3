//! A translator in JavaScript: its weights on their way, the model, a batch being decoded.

use std::rc::Rc;

use js_sys::{Array, Object, Uint32Array};
use wasm_bindgen::prelude::*;

use super::browser::milliseconds;
use super::objects::{self, above_zero, number, object, snapshots, step, strings};
use crate::decode::{self, Options};
use crate::error::Result;
use crate::loading::Loading;

/// A translator whose weights are on their way.
#[wasm_bindgen]
pub struct LoadingTranslator {
    pub(super) loading: Loading<decode::Translator>,
}

#[wasm_bindgen]
impl LoadingTranslator {
    /// Takes the next bytes of the file.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.loading.feed(chunk);
    }

    /// The model, once the file has gone by.
    pub fn finish(self) -> Result<Model> {
        Ok(Model { translator: Rc::new(self.loading.finish()?) })
    }
}

/// A loaded model.
#[wasm_bindgen]
pub struct Model {
    translator: Rc<decode::Translator>,
}

#[wasm_bindgen]
impl Model {
    /// Makes its pipelines: what a first translation would otherwise wait for.
    #[wasm_bindgen(js_name = warmUp)]
    pub async fn warm_up(&self) -> Result<()> {
        self.translator.warm_up().await
    }

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
        let options = Options {
            candidates: number(&options, "candidates") as u32,
            trace: strings(&options, "trace"),
            max_tokens: above_zero(&options, "maxTokens"),
            ring_capacity: above_zero(&options, "ringCapacity"),
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
