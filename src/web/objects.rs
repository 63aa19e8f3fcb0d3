//! The engine's values as plain JavaScript objects.

use js_sys::{Array, Float32Array, Object, Reflect};
use wasm_bindgen::JsValue;

use crate::decode::{Finish, Row, Step, Translator};
use crate::device::Timing;
use crate::site::Snapshot;

/// `ModelFacts` of the npm package.
pub fn facts(translator: &Translator) -> Object {
    let config = translator.config();
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
        ("parameters", (translator.parameters as f64).into()),
        ("storage", translator.storage.name().into()),
        ("weightBytes", (translator.weight_bytes as f64).into()),
    ])
}

/// A step for all sentences of a batch.
pub fn step(step: &Step) -> JsValue {
    let rows: Array = step.rows.iter().map(row).collect();
    object([
        ("position", step.position.into()),
        ("rows", rows.into()),
        ("trace", snapshots(&step.trace)),
    ])
    .into()
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

/// What a step did for one sentence.
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

/// A whole number of an object, of which 0 stands for a default.
pub fn above_zero(object: &Object, key: &str) -> Option<u32> {
    Some(number(object, key) as u32).filter(|number| *number > 0)
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
