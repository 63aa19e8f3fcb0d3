//! The head of a weight file: what a GGUF says of its tokens, and what a model is begun with.

use wasm_bindgen::prelude::*;

use crate::error::{Error, Result};
use crate::weights::{Header, Opening, Tokens};

/// The first bytes of a weight file, which are collected until its head is complete.
#[wasm_bindgen]
pub struct FileHead {
    opening: Opening,
    header: Option<Header>,
}

#[wasm_bindgen]
impl FileHead {
    /// Of a file of `length` bytes; 0 when that is unknown.
    #[wasm_bindgen(constructor)]
    pub fn new(length: f64) -> FileHead {
        let length = (length > 0.0).then_some(length as u64);
        FileHead { opening: Opening::new(length), header: None }
    }

    /// Takes the next bytes; says whether the head is complete.
    pub fn push(&mut self, chunk: &[u8]) -> Result<bool> {
        self.header = self.opening.push(chunk)?;
        Ok(self.header.is_some())
    }

    /// The tokenizer.json that the metadata of a GGUF amounts to.
    #[wasm_bindgen(js_name = tokenizerJson)]
    pub fn tokenizer_json(&self) -> Result<String> {
        self.tokens()?.to_json()
    }

    /// The template that makes a prompt of messages, if the model is for chats.
    #[wasm_bindgen(getter, js_name = chatTemplate)]
    pub fn chat_template(&self) -> Option<String> {
        self.tokens().ok()?.chat_template().map(str::to_string)
    }

    /// The token that begins every text, if there is one.
    #[wasm_bindgen(getter, js_name = beginToken)]
    pub fn begin_token(&self) -> Option<u32> {
        self.tokens().ok()?.begin()
    }

    /// The token that ends a text, if there is one.
    #[wasm_bindgen(getter, js_name = endToken)]
    pub fn end_token(&self) -> Option<u32> {
        self.tokens().ok()?.end()
    }
}

impl FileHead {
    /// The complete head, and the opening with all bytes that were taken.
    pub(super) fn complete(self) -> Result<(Header, Opening)> {
        let FileHead { opening, header } = self;
        let Some(header) = header else {
            let found = format!("{} bytes: the file is truncated", opening.bytes().len());
            return Err(Error::weights("header", "the head of a weight file", found));
        };
        Ok((header, opening))
    }

    /// What a GGUF says of its tokens.
    fn tokens(&self) -> Result<Tokens<'_>> {
        let metadata = self.header.as_ref().and_then(|header| header.metadata.as_ref());
        let expected = "a GGUF, which says itself what model it is";
        let found = "another kind of file: load the folder in which it lies";
        metadata.map(Tokens::new).ok_or_else(|| Error::weights("header", expected, found))
    }
}
