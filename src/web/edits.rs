//! Edits in JavaScript: words as people write them, or typed objects, `Edit` of the npm package.

use js_sys::{Array, Float32Array, Object};
use wasm_bindgen::{JsCast, JsValue};

use super::objects::{field, number_if};
use crate::error::{Error, Result};
use crate::probe::{Edit, Lever, NormEdit};

/// The edits of a list; none if there is no list.
pub fn edits(list: &JsValue) -> Result<Vec<Edit>> {
    if list.is_undefined() || list.is_null() {
        return Ok(vec![]);
    }
    Array::from(list).iter().map(|edit| read(&edit)).collect()
}

fn read(edit: &JsValue) -> Result<Edit> {
    if let Some(words) = edit.as_string() {
        return words.parse();
    }
    let object: &Object = edit.unchecked_ref();
    let text = |key: &str| field(object, key).as_string();
    let within = text("in").unwrap_or_default();
    if let Some(pattern) = text("scale") {
        let heads = Array::from(&field(object, "heads"));
        let heads = heads.iter().filter_map(|head| head.as_f64()).map(|head| head as u32).collect();
        let factor = field(object, "by").as_f64().ok_or_else(|| wrong("by", "a number"))?;
        return Ok(Edit::Scale { pattern, factor, heads });
    }
    if let Some(site) = text("replace") {
        let shape = Array::from(&field(object, "shape"));
        let shape = shape.iter().filter_map(|size| size.as_f64()).map(|size| size as usize);
        let data = Float32Array::new(&field(object, "data")).to_vec();
        let (shape, position) = (shape.collect(), number_if(object, "position"));
        return Ok(Edit::Replace { site, shape, data, position });
    }
    if let Some(lever) = text("off") {
        return Ok(Edit::Off { lever: Lever::parse(&lever)?, within });
    }
    if let Some(norm) = text("norm") {
        return Ok(Edit::Norm { norm: NormEdit::parse(&norm)?, within });
    }
    match number_if(object, "keyValueHeads") {
        Some(count) => Ok(Edit::KeyValueHeads(count)),
        None => Err(wrong("an edit", "words, or scale, replace, off, norm or keyValueHeads")),
    }
}

fn wrong(what: &str, expected: &str) -> Error {
    Error::input(format!("edits, {what}"), expected, "none of them")
}
