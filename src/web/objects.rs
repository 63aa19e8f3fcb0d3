//! The engine's values as plain JavaScript objects.

use js_sys::{Array, Float32Array, Object, Reflect, Uint32Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::decode::{Finish, Input, Model, Row, Sampling, Step, Task};
use crate::executor::Timing;
use crate::models::config::Stack;
use crate::site::Snapshot;

/// `Facts` of the npm package.
pub fn facts(model: &Model) -> Object {
    let config = model.config();
    object([
        ("family", config.family.into()),
        ("architecture", config.architecture().name().into()),
        ("encoder", stack(config.encoder)),
        ("decoder", stack(config.decoder)),
        ("modelWidth", config.model_width.into()),
        ("vocabulary", config.vocabulary.into()),
        ("maxPositions", config.max_positions.into()),
        ("positions", config.positions.name().into()),
        ("norm", config.norm.name().into()),
        ("activation", config.activation.name().into()),
        ("gated", config.gated.into()),
        ("parameters", (model.parameters as f64).into()),
        ("storage", model.storage.name().into()),
        ("weightBytes", (model.weight_bytes as f64).into()),
    ])
}

/// Sizes of a stack, null if there is none.
fn stack(stack: Option<Stack>) -> JsValue {
    let Some(stack) = stack else { return JsValue::NULL };
    object([
        ("layers", stack.layers.into()),
        ("heads", stack.heads.into()),
        ("keyValueHeads", stack.key_value_heads.into()),
        ("headWidth", stack.head_width.into()),
        ("innerWidth", stack.inner_width.into()),
    ])
    .into()
}

/// A task, from `RawTask` of the npm package.
pub fn task(options: &Object) -> Task {
    let inputs = Array::from(&field(options, "inputs"));
    Task {
        inputs: inputs.iter().map(|row| input(row.unchecked_ref())).collect(),
        candidates: number(options, "candidates") as u32,
        trace: strings(options, "trace"),
        edits: vec![],
        ring_capacity: number_if(options, "ringCapacity"),
        sinks: number(options, "sinks") as u32,
    }
}

/// A row, from `RawInput` of the npm package.
fn input(row: &Object) -> Input {
    let tokens = |key: &str| Uint32Array::new(&field(row, key)).to_vec();
    let ends = field(row, "endTokens");
    let draws = field(row, "sampling");
    Input {
        tokens: tokens("tokens"),
        prefix: tokens("prefix"),
        max_tokens: number_if(row, "maxTokens"),
        end_tokens: (!ends.is_null()).then(|| tokens("endTokens")),
        sampling: match draws.is_null() {
            true => Sampling::default(),
            false => sampling(draws.unchecked_ref()),
        },
    }
}

/// How tokens are drawn, from `RawSampling` of the npm package.
pub fn sampling(options: &Object) -> Sampling {
    Sampling {
        temperature: number(options, "temperature") as f32,
        top_k: number(options, "topK") as u32,
        top_p: number(options, "topP") as f32,
        min_p: number(options, "minP") as f32,
        repetition_penalty: number(options, "repetitionPenalty") as f32,
        seed: number(options, "seed") as u32,
    }
}

/// A step for all rows of a batch.
pub fn step(step: &Step) -> JsValue {
    let rows: Array = step.rows.iter().map(row).collect();
    object([("rows", rows.into()), ("trace", snapshots(&step.trace))]).into()
}

/// `{ label, microseconds, operations, weightBytes }`
pub fn timing(timing: &Timing) -> JsValue {
    object([
        ("label", timing.label.as_str().into()),
        ("microseconds", timing.microseconds.into()),
        ("operations", timing.operations.into()),
        ("weightBytes", timing.weight_bytes.into()),
    ])
    .into()
}

/// What a step did for one row.
pub fn row(row: &Row) -> JsValue {
    let candidates: Array = (row.candidates.iter())
        .map(|candidate| {
            object([
                ("id", candidate.id.into()),
                ("logProbability", candidate.log_probability.into()),
                ("sampled", candidate.sampled.into()),
            ])
        })
        .collect();
    let finish = match row.finish {
        None => JsValue::NULL,
        Some(Finish::End) => "end".into(),
        Some(Finish::Length) => "length".into(),
    };
    object([
        ("position", row.position.into()),
        ("input", row.input.into()),
        ("token", row.token.into()),
        ("logProbability", row.log_probability.into()),
        ("rest", row.rest().into()),
        ("candidates", candidates.into()),
        ("finish", finish),
        ("active", row.active.into()),
    ])
    .into()
}

/// What was traced.
pub fn snapshots(snapshots: &[Snapshot]) -> JsValue {
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

/// A field of an object; undefined if it has none of that name.
pub fn field(object: &Object, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap_or_default()
}

/// A number of an object, 0 if there is none.
pub fn number(object: &Object, key: &str) -> f64 {
    field(object, key).as_f64().unwrap_or_default()
}

/// A whole number of an object, if it has one.
fn number_if(object: &Object, key: &str) -> Option<u32> {
    field(object, key).as_f64().map(|number| number as u32)
}

/// The strings of a list that an object may have.
pub fn strings(object: &Object, key: &str) -> Vec<String> {
    let list = field(object, key);
    let list = if list.is_undefined() { Array::new() } else { Array::from(&list) };
    list.iter().filter_map(|item| item.as_string()).collect()
}

/// An object of these entries.
pub fn object<const N: usize>(entries: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (key, value) in entries {
        // A plain new object takes any property.
        let _ = Reflect::set(&object, &key.into(), &value);
    }
    object
}
