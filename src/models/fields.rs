//! Fields of a JSON configuration: each is honoured, known to be harmless, or an error that names it.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::ops::activation::Activation;

/// The fields of a file that have not been accounted for yet. Taking a field accounts for it;
/// `null` counts as absent, as it does in transformers.
pub struct Fields {
    file: &'static str,
    map: Map<String, Value>,
}

impl Fields {
    /// Parses a file that holds one JSON object.
    pub fn parse(file: &'static str, text: &str) -> Result<Fields> {
        let found = match serde_json::from_str(text) {
            Ok(Value::Object(mut map)) => {
                map.retain(|_, value| !value.is_null());
                return Ok(Fields { file, map });
            }
            Ok(other) => shorten(&other.to_string()),
            Err(error) => error.to_string(),
        };
        Err(Error::config(file, "a JSON object", found))
    }

    /// The file that they stand in.
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// Takes a field, whatever it holds.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field)
    }

    /// Takes a whole number between two bounds.
    pub fn number(&mut self, field: &str, least: usize, most: usize) -> Result<Option<usize>> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(self.error(field, format!("a whole number from {least} to {most}"), &value)),
        }
    }

    /// Takes a size: a whole number that must be there and is at least 1.
    pub fn size(&mut self, field: &str, most: usize) -> Result<usize> {
        self.number(field, 1, most)?
            .ok_or_else(|| self.missing(field, format!("a whole number from 1 to {most}")))
    }

    /// Takes a truth value.
    pub fn truth(&mut self, field: &str, default: bool) -> Result<bool> {
        match self.take(field) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(value),
            Some(other) => Err(self.error(field, "true or false", &other)),
        }
    }

    /// Takes one token's id. A list of one is as good; more are more than the engine can do.
    pub fn token(&mut self, field: &str, vocabulary: usize) -> Result<Option<u32>> {
        let Some(value) = self.take(field) else {
            return Ok(None);
        };
        let id = match value.as_array().map(Vec::as_slice) {
            Some([id]) => id.as_u64(),
            _ => value.as_u64(),
        };
        match id {
            Some(id) if id < vocabulary as u64 => Ok(Some(id as u32)),
            _ => Err(self.error(field, format!("one token id below {vocabulary}"), &value)),
        }
    }

    /// Takes token ids: one, or a list of them; none if there is no such field.
    pub fn tokens(&mut self, field: &str, vocabulary: usize) -> Result<Vec<u32>> {
        let Some(value) = self.take(field) else {
            return Ok(vec![]);
        };
        let ids = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let id = |id: &Value| id.as_u64().filter(|id| *id < vocabulary as u64);
        let ids: Option<Vec<u32>> = ids.iter().map(|each| Some(id(each)? as u32)).collect();
        ids.ok_or_else(|| self.error(field, format!("token ids below {vocabulary}"), &value))
    }

    /// Takes a number above 0.
    pub fn real(&mut self, field: &str, default: f64) -> Result<f64> {
        match self.take(field) {
            None => Ok(default),
            Some(value) => match value.as_f64().filter(|number| *number > 0.0) {
                Some(number) => Ok(number),
                None => Err(self.error(field, "a number above 0", &value)),
            },
        }
    }

    /// Takes the name of an activation.
    pub fn activation(&mut self, field: &str, default: &str) -> Result<Activation> {
        let value = self.take(field).unwrap_or_else(|| default.into());
        value.as_str().and_then(Activation::parse).ok_or_else(|| {
            let expected = "relu, gelu, gelu_new, gelu_pytorch_tanh, silu, swish, tanh or sigmoid";
            self.error(field, expected, &value)
        })
    }

    /// A size divided by another that has to divide it.
    pub fn quotient(&self, name: &str, size: usize, field: &str, by: usize) -> Result<usize> {
        match size.is_multiple_of(by) {
            true => Ok(size / by),
            false => {
                let expected = format!("a divisor of {name} {size}");
                Err(Error::config(self.name(field), expected, by.to_string()))
            }
        }
    }

    /// Takes fields that may only hold one value, given as JSON; absent is as good.
    pub fn only(&mut self, honoured: &[(&str, &str)]) -> Result<()> {
        for (field, json) in honoured {
            let Some(value) = self.take(field) else {
                continue;
            };
            // 1 and 1.0 are the same number, but not the same JSON.
            let equal = match value.as_f64() {
                Some(number) => json.parse() == Ok(number),
                None => json.parse().is_ok_and(|honoured: Value| honoured == value),
            };
            if !equal {
                return Err(self.error(field, *json, &value));
            }
        }
        Ok(())
    }

    /// Takes fields that cannot change a result; their names are set apart by spaces.
    pub fn ignore(&mut self, harmless: &str) {
        for field in harmless.split_whitespace() {
            self.map.remove(field);
        }
    }

    /// Fails on a field that nobody knows, unless it is switched off: `false`, 0 or empty. What it
    /// would do is unknown, so a guess that it does nothing could be wrong.
    pub fn finish(self) -> Result<()> {
        let is_off = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(true) => false,
        };
        match self.map.iter().find(|(_, value)| !is_off(value)) {
            None => Ok(()),
            Some((field, value)) => {
                Err(self.error(field, "no such field, or one that is off (false, 0, empty)", value))
            }
        }
    }

    /// The error for a field that is not as it should be.
    pub fn error(&self, field: &str, expected: impl Into<String>, found: &Value) -> Error {
        Error::config(self.name(field), expected, shorten(&found.to_string()))
    }

    /// The error for a field that is not there.
    pub fn missing(&self, field: &str, expected: impl Into<String>) -> Error {
        Error::config(self.name(field), expected, "no such field")
    }

    fn name(&self, field: &str) -> String {
        format!("{}, {}", self.file, shorten(field))
    }
}

/// The first hundred characters: a message is for reading.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
