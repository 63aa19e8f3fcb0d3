//! The tokenizer.json that a GGUF's metadata amounts to: one library reads every model's tokens.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::metadata::{Metadata, wrong};
use crate::error::Result;

/// What GGUF calls a token of no special use, an unknown one, and one of a chat's or a text's frame.
const UNKNOWN: f64 = 2.0;
const CONTROL: f64 = 3.0;
const USER_DEFINED: f64 = 4.0;

/// Where GPT-2 splits a text into words before it looks for tokens.
const GPT2: &[&str] = &["gpt-2", "phi-2"];
/// The same, and each digit by itself.
const SINGLE_DIGITS: &[&str] = &["smollm", "starcoder", "refact", "command-r"];
/// Where Llama 3 and Qwen 2 do, with digits in threes and by themselves.
const LLAMA3: &[&str] = &["llama-bpe", "llama3", "llama-v3"];
const QWEN2: &[&str] = &["qwen2", "deepseek-r1-qwen"];

/// What a GGUF says of the tokens of its model.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    metadata: &'a Metadata,
}

impl<'a> Tokens<'a> {
    /// Reads them from the metadata of a file.
    pub fn new(metadata: &'a Metadata) -> Tokens<'a> {
        Tokens { metadata }
    }

    /// The template that makes a prompt of messages, if the model is for chats.
    pub fn chat_template(&self) -> Option<&'a str> {
        self.metadata.text("tokenizer.chat_template").ok().flatten()
    }

    /// The token that begins a text, if there is one.
    pub fn begin(&self) -> Option<u32> {
        self.special("bos").map(|(id, _)| id)
    }

    /// The token that ends a text.
    pub fn end(&self) -> Option<u32> {
        self.special("eos").map(|(id, _)| id)
    }

    /// `tokenizer.json`, for byte-level BPE (`gpt2`) and SentencePiece (`llama`).
    pub fn to_json(&self) -> Result<String> {
        let Tokens { metadata } = *self;
        let tokens = metadata.texts("tokenizer.ggml.tokens")?;
        let kinds = metadata.numbers("tokenizer.ggml.token_type")?.unwrap_or(&[]);
        let vocabulary: HashMap<&str, usize> =
            tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect();
        let mut parts = match metadata.text("tokenizer.ggml.model")? {
            Some("gpt2") => byte_level(metadata, &vocabulary)?,
            Some("llama") => {
                let unknown = kinds.iter().position(|kind| *kind == UNKNOWN);
                let unknown = unknown.and_then(|id| tokens.get(id)).map(String::as_str);
                sentence_pieces(metadata, tokens, &vocabulary, unknown)?
            }
            other => {
                let found = other.unwrap_or("no such field");
                return Err(wrong("tokenizer.ggml.model", "gpt2 or llama", found));
            }
        };
        let added = kinds.iter().zip(tokens).enumerate().filter_map(|(id, (kind, token))| {
            let special = *kind == CONTROL || *kind == UNKNOWN;
            (special || *kind == USER_DEFINED).then(|| {
                json!({"id": id, "content": token, "special": special, "single_word": false,
                       "lstrip": false, "rstrip": false, "normalized": false})
            })
        });
        parts.insert("added_tokens".to_string(), added.collect());
        parts.insert("version".to_string(), "1.0".into());
        // The library of the browser wants the field to be there.
        parts.insert("post_processor".to_string(), Json::Null);
        if let Some((id, token)) = self.special("bos").filter(|_| self.adds_begin()) {
            let special = json!({"SpecialToken": {"id": token, "type_id": 0}});
            let text = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
            let template = json!({
                "type": "TemplateProcessing",
                "single": [special, text("A")],
                "pair": [special, text("A"), text("B")],
                "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
            });
            parts.insert("post_processor".to_string(), template);
        }
        Ok(Json::Object(parts).to_string())
    }

    /// `tokenizer_config.json`: special tokens by their names, and the chat template.
    pub fn config_json(&self) -> String {
        let names = [("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")];
        let special = names.into_iter().filter_map(|(field, name)| {
            let (_, token) = self.special(name)?;
            Some((format!("{field}_token"), token.into()))
        });
        let mut config: Map<String, Json> = special.collect();
        if let Some(template) = self.chat_template() {
            config.insert("chat_template".to_string(), template.into());
        }
        config.insert("add_bos_token".to_string(), self.adds_begin().into());
        config.insert("clean_up_tokenization_spaces".to_string(), false.into());
        Json::Object(config).to_string()
    }

    /// Id and text of a special token.
    fn special(&self, name: &str) -> Option<(u32, &'a str)> {
        let tokens = self.metadata.texts("tokenizer.ggml.tokens").ok()?;
        let id = self.metadata.whole(&format!("tokenizer.ggml.{name}_token_id")).ok()??;
        Some((id as u32, tokens.get(id as usize)?))
    }

    /// Whether every text begins with a token of its own; if the file does not say so, as those do
    /// that are split like it.
    fn adds_begin(&self) -> bool {
        let text = |key: &str| self.metadata.text(key).ok().flatten().unwrap_or("none");
        let own = self.metadata.truth("tokenizer.ggml.add_bos_token").ok().flatten();
        own.unwrap_or_else(|| {
            text("tokenizer.ggml.model") == "llama" || LLAMA3.contains(&text("tokenizer.ggml.pre"))
        })
    }
}

/// Byte pairs as GPT-2 has them.
fn byte_level(metadata: &Metadata, vocabulary: &HashMap<&str, usize>) -> Result<Map<String, Json>> {
    let kind = metadata.text("tokenizer.ggml.pre")?.unwrap_or("default");
    let level = |has_pattern: bool| {
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
               "use_regex": has_pattern})
    };
    let split = |digits: &str| {
        let pattern = format!(
            "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|\
             [^\\r\\n\\p{{L}}\\p{{N}}]?\\p{{L}}+|{digits}| ?[^\\s\\p{{L}}\\p{{N}}]+[\\r\\n]*|\
             \\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
        );
        let split = json!({"type": "Split", "pattern": {"Regex": pattern},
                           "behavior": "Isolated", "invert": false});
        json!({"type": "Sequence", "pretokenizers": [split, level(false)]})
    };
    let has = |names: &[&str]| names.contains(&kind);
    let mut normalizer = Json::Null;
    let words = if has(GPT2) {
        level(true)
    } else if has(SINGLE_DIGITS) {
        let digits = json!({"type": "Digits", "individual_digits": true});
        json!({"type": "Sequence", "pretokenizers": [digits, level(true)]})
    } else if has(LLAMA3) {
        split("\\p{N}{1,3}")
    } else if has(QWEN2) {
        normalizer = json!({"type": "NFC"});
        split("\\p{N}")
    } else {
        let known = [GPT2, SINGLE_DIGITS, LLAMA3, QWEN2].concat().join(", ");
        return Err(wrong("tokenizer.ggml.pre", &format!("one of {known}"), kind));
    };
    let merges = metadata.texts("tokenizer.ggml.merges")?;
    let mut pairs: Vec<Json> = Vec::with_capacity(merges.len());
    for merge in merges {
        let pair = merge.split_once(' ');
        let known = |(left, right): &(&str, &str)| {
            vocabulary.contains_key(*left) && vocabulary.contains_key(*right)
        };
        match pair.filter(known) {
            Some((left, right)) => pairs.push(json!([left, right])),
            None => return Err(wrong("tokenizer.ggml.merges", "pairs of tokens", merge)),
        }
    }
    let model = json!({
        "type": "BPE", "vocab": vocabulary, "merges": pairs, "ignore_merges": has(LLAMA3),
        "byte_fallback": false, "fuse_unk": false, "dropout": null, "unk_token": null,
        "continuing_subword_prefix": null, "end_of_word_suffix": null,
    });
    let parts = [
        ("normalizer", normalizer),
        ("pre_tokenizer", words),
        ("decoder", level(true)),
        ("model", model),
    ];
    Ok(object(parts))
}

/// SentencePiece's byte pairs: a token of a better score is merged first.
fn sentence_pieces(
    metadata: &Metadata,
    tokens: &[String],
    vocabulary: &HashMap<&str, usize>,
    unknown_token: Option<&str>,
) -> Result<Map<String, Json>> {
    let Some(scores) = metadata.numbers("tokenizer.ggml.scores")? else {
        return Err(wrong("tokenizer.ggml.scores", "a score for each token", "no such field"));
    };
    let mut merges = vec![];
    for (token, score) in tokens.iter().zip(scores) {
        let mut own = vec![];
        for (at, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(at);
            if let (Some(l), Some(r)) = (vocabulary.get(left), vocabulary.get(right)) {
                own.push((*l, *r, left, right));
            }
        }
        own.sort_unstable();
        merges.extend(own.into_iter().map(|(_, _, left, right)| (*score, left, right)));
    }
    // The longer left half goes first where several halves make one token, as transformers has it.
    merges.sort_by(|(a, left, _), (b, other, _)| {
        b.total_cmp(a).then(other.chars().count().cmp(&left.chars().count()))
    });
    let pairs: Vec<Json> = merges.iter().map(|(_, left, right)| json!([left, right])).collect();
    let model = json!({
        "type": "BPE", "vocab": vocabulary, "merges": pairs, "ignore_merges": false,
        "byte_fallback": true, "fuse_unk": true, "dropout": null, "unk_token": unknown_token,
        "continuing_subword_prefix": null, "end_of_word_suffix": null,
    });
    let has_prefix = metadata.truth("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let replace = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
    let mut normalizers = vec![replace(" ", "▁")];
    let mut decoders =
        vec![replace("▁", " "), json!({"type": "ByteFallback"}), json!({"type": "Fuse"})];
    if has_prefix {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    Ok(object([
        ("normalizer", json!({"type": "Sequence", "normalizers": normalizers})),
        ("pre_tokenizer", Json::Null),
        ("decoder", json!({"type": "Sequence", "decoders": decoders})),
        ("model", model),
    ]))
}

fn object<const N: usize>(parts: [(&str, Json); N]) -> Map<String, Json> {
    parts.into_iter().map(|(name, part)| (name.to_string(), part)).collect()
}
