//! A model that writes, in JavaScript: its weights on their way, the model, a text on its way.

use std::rc::Rc;

use js_sys::{Array, Object, Uint32Array};
use wasm_bindgen::prelude::*;

use super::browser::milliseconds;
use super::objects::{self, above_zero, field, number, object, snapshots, step, strings};
use crate::decode::{self, GenerateOptions};
use crate::error::Result;
use crate::loading::Loading;
use crate::models::causal_config::Positions;
use crate::ops::sampling::Sampling;

/// A text generator whose weights are on their way.
#[wasm_bindgen]
pub struct LoadingGenerator {
    pub(super) loading: Loading<decode::Generator>,
}

#[wasm_bindgen]
impl LoadingGenerator {
    /// Takes the next bytes of the file.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.loading.feed(chunk);
    }

    /// The model, once the file has gone by.
    pub fn finish(self) -> Result<Generator> {
        Ok(Generator { generator: Rc::new(self.loading.finish()?) })
    }
}

/// A loaded model that writes.
#[wasm_bindgen]
pub struct Generator {
    generator: Rc<decode::Generator>,
}

#[wasm_bindgen]
impl Generator {
    /// Makes its pipelines: what a first text would otherwise wait for.
    #[wasm_bindgen(js_name = warmUp)]
    pub async fn warm_up(&self) -> Result<()> {
        self.generator.warm_up().await
    }

    /// Sizes and facts, `GeneratorFacts` of the npm package.
    #[wasm_bindgen(getter)]
    pub fn facts(&self) -> Object {
        let config = self.generator.config();
        let positions = match config.positions {
            Positions::Learned => "learned",
            Positions::Rotary { .. } => "rotary",
        };
        object([
            ("family", config.family.name().into()),
            ("layers", config.layers.into()),
            ("heads", config.heads.into()),
            ("keyValueHeads", config.key_value_heads.into()),
            ("headWidth", config.head_width.into()),
            ("modelWidth", config.model_width.into()),
            ("innerWidth", config.inner_width.into()),
            ("vocabulary", config.vocabulary.into()),
            ("maxPositions", config.max_positions.into()),
            ("positions", positions.into()),
            ("norm", config.norm.name().into()),
            ("activation", config.activation.name().into()),
            ("gated", config.gated.into()),
            ("parameters", (self.generator.parameters as f64).into()),
            ("storage", self.generator.storage.name().into()),
            ("weightBytes", (self.generator.weight_bytes as f64).into()),
        ])
    }

    /// The tokens that end a text, by the model's configuration.
    #[wasm_bindgen(getter, js_name = endTokens)]
    pub fn end_tokens(&self) -> Vec<u32> {
        self.generator.config().end_tokens.clone()
    }

    /// The names of all sites, in order.
    pub fn sites(&self) -> Vec<String> {
        self.generator.config().sites().iter().map(ToString::to_string).collect()
    }

    /// Takes in a prompt; `options` is `WritingOptions` of the npm package, all fields there.
    pub async fn begin(&self, prompt: Vec<u32>, options: Object) -> Result<Writing> {
        let options = GenerateOptions {
            candidates: number(&options, "candidates") as u32,
            trace: strings(&options, "trace"),
            max_tokens: above_zero(&options, "maxTokens"),
            ring_capacity: above_zero(&options, "ringCapacity"),
            sinks: number(&options, "sinks") as u32,
            end_tokens: Some(Uint32Array::new(&field(&options, "endTokens")).to_vec()),
            sampling: sampling(&options),
        };
        let writing = decode::Generation::begin(&self.generator, &prompt, &options).await?;
        Ok(Writing { writing })
    }

    /// Chooses again from a step's logits, which `history` led to; `options` is `SamplingOptions`
    /// of the npm package, with candidates.
    pub async fn reconsider(
        &self,
        logits: Vec<f32>,
        history: Vec<u32>,
        options: Object,
    ) -> Result<JsValue> {
        let candidates = number(&options, "candidates") as u32;
        let position = (history.len() as u32).saturating_sub(1);
        let sampling = sampling(&options);
        let generator = &self.generator;
        let row = generator.reconsider(&logits, &history, &sampling, candidates, position).await?;
        Ok(objects::row(&row))
    }

    /// Gives its memory back, once its texts are disposed of, too.
    pub fn dispose(self) {}
}

/// A text on its way.
#[wasm_bindgen]
pub struct Writing {
    writing: decode::Generation,
}

#[wasm_bindgen]
impl Writing {
    /// What was traced of the prompt, chunk by chunk.
    #[wasm_bindgen(getter, js_name = promptTrace)]
    pub fn prompt_trace(&self) -> Array {
        let chunk = |(first, trace): &(u32, Vec<_>)| {
            object([("first", (*first).into()), ("trace", snapshots(trace))])
        };
        self.writing.prompt_trace.iter().map(chunk).collect()
    }

    /// Slots of the K-V rings.
    #[wasm_bindgen(getter, js_name = ringCapacity)]
    pub fn ring_capacity(&self) -> u32 {
        self.writing.ring_capacity
    }

    /// Slots that keep the first positions for good.
    #[wasm_bindgen(getter)]
    pub fn sinks(&self) -> u32 {
        self.writing.sinks
    }

    /// Kernels that one step dispatches.
    #[wasm_bindgen(getter)]
    pub fn dispatches(&self) -> usize {
        self.writing.dispatches()
    }

    /// Up to `count` further steps; none when the text has ended.
    pub async fn next(&mut self, count: u32) -> Result<Array> {
        Ok(self.writing.next(count).await?.iter().map(step).collect())
    }

    /// Times every kernel of a step by itself: label, microseconds, operations, weightBytes. The
    /// text is spent afterwards.
    pub async fn profile(self, repeats: u32) -> Result<Array> {
        let timings = self.writing.profile(repeats, &milliseconds).await?;
        Ok(timings.iter().map(objects::timing).collect())
    }

    /// Gives its memory back.
    pub fn dispose(self) {}
}

fn sampling(options: &Object) -> Sampling {
    Sampling {
        temperature: number(options, "temperature") as f32,
        top_k: number(options, "topK") as u32,
        top_p: number(options, "topP") as f32,
        min_p: number(options, "minP") as f32,
        repetition_penalty: number(options, "repetitionPenalty") as f32,
        seed: number(options, "seed") as u32,
    }
}
