//! Text to tokens and back, natively. In the browser the npm package does this from the same file.

use std::path::Path;

use tokenizers::Tokenizer;

use crate::error::{Error, Result};

/// The tokenizer of a model folder.
pub struct Text {
    tokenizer: Tokenizer,
    end: u32,
}

impl Text {
    /// Reads `tokenizer.json`; `end` is the token that ends a sentence.
    pub fn open(file: &Path, end: u32) -> Result<Text> {
        let tokenizer = Tokenizer::from_file(file).map_err(|error| Error::Tokenizer {
            expected: "a tokenizer of Hugging Face".to_string(),
            found: error.to_string(),
        })?;
        Ok(Text { tokenizer, end })
    }

    /// Reads the text of a `tokenizer.json`.
    pub fn parse(json: &str, end: u32) -> Result<Text> {
        let tokenizer = json.parse().map_err(|error: tokenizers::Error| Error::Tokenizer {
            expected: "a tokenizer of Hugging Face".to_string(),
            found: error.to_string(),
        })?;
        Ok(Text { tokenizer, end })
    }

    /// Tokens of a text just as it is; with those that the tokenizer puts around every text if
    /// `special`.
    pub fn tokens(&self, text: &str, special: bool) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode(text, special);
        let encoding =
            encoding.map_err(|error| Error::internal("reading the text", error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Tokens of a text, the end token last; at most `limit`, cut from the end. Control characters
    /// are read as spaces: they are no text, and no model was trained on them.
    pub fn encode(&self, text: &str, limit: usize) -> Result<Vec<u32>> {
        let text = text.replace(char::is_control, " ");
        let encoding = self
            .tokenizer
            .encode(text, true)
            .map_err(|error| Error::internal("reading the text", error.to_string()))?;
        let mut ids: Vec<u32> = encoding.get_ids().to_vec();
        if ids.last() == Some(&self.end) {
            ids.pop();
        }
        ids.truncate(limit - 1);
        ids.push(self.end);
        Ok(ids)
    }

    /// Tokens of the beginning of a text: what is to follow, no end token among them.
    pub fn beginning(&self, text: &str) -> Result<Vec<u32>> {
        let ids = self.tokens(text, true)?;
        Ok(ids.into_iter().filter(|id| *id != self.end).collect())
    }

    /// The text of tokens, without special ones.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.tokenizer
            .decode(ids, true)
            .map_err(|error| Error::internal("writing the text", error.to_string()))
    }

    /// A token as a reader knows it, given the tokens before it: special ones by their name, a
    /// space as `␣`, a byte that completes no character by its piece.
    pub fn piece(&self, before: &[u32], id: u32) -> Result<String> {
        let special = self.tokenizer.get_added_tokens_decoder();
        if let Some(token) = special.get(&id).filter(|token| token.special) {
            return Ok(token.content.clone());
        }
        let characters = |ids: &[u32]| self.decode(ids).map(|text| text.replace('\u{FFFD}', ""));
        let shorter = characters(before)?;
        let longer = characters(&[before, &[id]].concat())?;
        let shown = match longer.strip_prefix(&shorter).unwrap_or(&longer) {
            "" => self.tokenizer.id_to_token(id).unwrap_or_default().replace('\u{2581}', " "),
            text => text.to_string(),
        };
        Ok(shown.replace(' ', "␣"))
    }
}
