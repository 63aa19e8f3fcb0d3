//! What a GGUF says besides its tensors, by key.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of any type of number.
    Number(f64),
    /// A truth value.
    Truth(bool),
    /// A text.
    Text(String),
    /// A list of numbers.
    Numbers(Vec<f64>),
    /// A list of texts.
    Texts(Vec<String>),
}

/// All metadata.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    fields: BTreeMap<String, Value>,
}

impl Metadata {
    /// Takes a field; gives the value that it had before.
    pub fn insert(&mut self, key: String, value: Value) -> Option<Value> {
        self.fields.insert(key, value)
    }

    /// The value of a key, if there is one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key)
    }

    /// A number, if the key is there.
    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(*number)),
            Some(_) => Err(wrong(key, "a number", "a value of another type")),
        }
    }

    /// A whole number, if the key is there.
    pub fn whole(&self, key: &str) -> Result<Option<u64>> {
        match self.number(key)? {
            None => Ok(None),
            Some(number) if number >= 0.0 && number.fract() == 0.0 && number < 1e15 => {
                Ok(Some(number as u64))
            }
            Some(other) => Err(wrong(key, "a whole number", &other.to_string())),
        }
    }

    /// A size, which has to be there.
    pub fn size(&self, key: &str) -> Result<u64> {
        self.whole(key)?.ok_or_else(|| wrong(key, "a whole number", "no such field"))
    }

    /// A text, if the key is there.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(key, "a text", "a value of another type")),
        }
    }

    /// A truth value, if the key is there.
    pub fn truth(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Truth(truth)) => Ok(Some(*truth)),
            Some(_) => Err(wrong(key, "a truth value", "a value of another type")),
        }
    }

    /// A list of texts, which has to be there.
    pub fn texts(&self, key: &str) -> Result<&[String]> {
        match self.get(key) {
            Some(Value::Texts(texts)) => Ok(texts),
            Some(_) => Err(wrong(key, "a list of texts", "a value of another type")),
            None => Err(wrong(key, "a list of texts", "no such field")),
        }
    }

    /// A list of numbers, if the key is there.
    pub fn numbers(&self, key: &str) -> Result<Option<&[f64]>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Numbers(numbers)) => Ok(Some(numbers)),
            Some(_) => Err(wrong(key, "a list of numbers", "a value of another type")),
        }
    }
}

impl FromIterator<(String, Value)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(fields: I) -> Metadata {
        Metadata { fields: fields.into_iter().collect() }
    }
}

/// The error for a field that is not as it should be.
pub(super) fn wrong(key: &str, expected: &str, found: &str) -> Error {
    Error::config(format!("GGUF, {key}"), expected, found)
}
