//! The tokenizer.json that a GGUF's metadata amounts to: one library reads every model's tokens.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::gguf::{Metadata, Value};
use crate::error::{Error, Result};

/// Types of tokens that are no text, and of tokens that are never split.
const UNKNOWN: f64 = 2.0;
const CONTROL: f64 = 3.0;
const USER_DEFINED: f64 = 4.0;

/// Splits a text before pairs of bytes are merged, by the names of `tokenizer.ggml.pre`.
const SPLITS: &[(&[&str], &str)] = &[
    (&["gpt-2", "gpt2"], BYTES_BY_WORD),
    (
        &["smollm"],
        r#"{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},
        {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}"#,
    ),
    (
        &["llama-bpe", "llama3", "llama-v3"],
        concat!(
            r#"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":""#,
            r#"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"#,
            r#" ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"#,
            r#""},"behavior":"Isolated","invert":false},{"type":"ByteLevel","#,
            r#""add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}"#
        ),
    ),
];
const BYTES_BY_WORD: &str =
    r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#;

/// Spaces beside a token are none of its business.
const ALONE: &str = r#""single_word":false,"lstrip":false,"rstrip":false,"normalized":false"#;

/// What SentencePiece does before and after: spaces are written as `▁`.
const SPACES: &str = r#"{"type":"Replace","pattern":{"String":" "},"content":"▁"}"#;
const SPACES_BACK: &str = r#"{"type":"Sequence","decoders":[
    {"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},
    {"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}"#;

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
        self.text("tokenizer.chat_template")
    }

    /// The token that begins every text, if there is one.
    pub fn begin(&self) -> Option<u32> {
        self.number("bos_token_id")
    }

    /// The token that ends a text.
    pub fn end(&self) -> Option<u32> {
        self.number("eos_token_id")
    }

    /// `tokenizer.json`, for byte-level BPE (`gpt2`) and SentencePiece (`llama`).
    pub fn to_json(&self) -> Result<String> {
        let pieces = self.texts("tokens")?;
        let model = self.text("tokenizer.ggml.model").unwrap_or("none");
        let split = self.text("tokenizer.ggml.pre").unwrap_or("gpt-2");
        let (merges, rest, begins) = match model {
            "gpt2" => {
                let known = SPLITS.iter().find(|(names, _)| names.contains(&split));
                let Some((names, splitting)) = known else {
                    return Err(lacks("tokenizer.ggml.pre", "gpt-2, smollm or llama-bpe", split));
                };
                // These read a word that is a token as that token, whatever the merges say.
                let whole = names.contains(&"llama-bpe");
                let rest = format!(
                    r#""normalizer":null,"pre_tokenizer":{splitting},"decoder":{BYTES_BY_WORD}"#
                );
                (self.merges()?, (format!(r#","ignore_merges":{whole}"#), rest), whole)
            }
            "llama" => {
                let space = self.truth("add_space_prefix").unwrap_or(true);
                let prefix = if space { r#"{"type":"Prepend","prepend":"▁"},"# } else { "" };
                let rest = format!(
                    r#""normalizer":{{"type":"Sequence","normalizers":[{prefix}{SPACES}]}},
                    "pre_tokenizer":null,"decoder":{SPACES_BACK}"#
                );
                let options = r#","byte_fallback":true,"fuse_unk":true"#.to_string();
                (self.merges_by_score(pieces)?, (options, rest), true)
            }
            other => return Err(lacks("tokenizer.ggml.model", "gpt2 or llama", other)),
        };
        let (options, rest) = rest;
        let vocabulary = list(pieces.iter().enumerate(), |json, (id, piece)| {
            quote(json, piece);
            let _ = write!(json, ":{id}");
        });
        let begin = self.begin().filter(|_| self.truth("add_bos_token").unwrap_or(begins));
        Ok(format!(
            r#"{{"version":"1.0","added_tokens":[{added}],"post_processor":{after},{rest},
            "model":{{"type":"BPE","unk_token":null{options},"vocab":{{{vocabulary}}},
            "merges":[{merges}]}}}}"#,
            added = self.added(pieces),
            after = template(pieces, begin),
        ))
    }

    /// Tokens that are found in a text before it is split.
    fn added(&self, pieces: &[String]) -> String {
        let Some(Value::Numbers(kinds)) = self.metadata.get("tokenizer.ggml.token_type") else {
            return String::new();
        };
        let whole = |kind: f64| [UNKNOWN, CONTROL, USER_DEFINED].contains(&kind);
        let added = (0..).zip(pieces).zip(kinds).filter(|(_, kind)| whole(**kind));
        list(added, |json, ((id, piece), kind): ((usize, &String), &f64)| {
            let special = *kind != USER_DEFINED;
            let _ = write!(json, r#"{{"id":{id},"content":"#);
            quote(json, piece);
            let _ = write!(json, r#","special":{special},{ALONE}}}"#);
        })
    }

    /// Pairs that become one token, those that go first in front.
    fn merges(&self) -> Result<String> {
        let pairs = self.texts("merges")?.iter().filter_map(|pair| pair.split_once(' '));
        Ok(list(pairs, pair))
    }

    /// SentencePiece says which tokens are best, not of what they are made: of any two others.
    fn merges_by_score(&self, pieces: &[String]) -> Result<String> {
        let Some(Value::Numbers(scores)) = self.metadata.get("tokenizer.ggml.scores") else {
            return Err(lacks("tokenizer.ggml.scores", "a score for each token", "none"));
        };
        let ids: BTreeMap<&str, usize> = pieces.iter().map(String::as_str).zip(0..).collect();
        let mut merges = vec![];
        for (piece, score) in pieces.iter().zip(scores) {
            let ends = piece.char_indices().skip(1).map(|(end, _)| piece.split_at(end));
            let mut own: Vec<(&str, &str)> =
                ends.filter(|(a, b)| ids.contains_key(a) && ids.contains_key(b)).collect();
            own.sort_by_key(|(a, b)| (ids[a], ids[b]));
            merges.extend(own.into_iter().map(|halves| (*score, halves)));
        }
        merges.sort_by(|(a, left), (b, right)| {
            let lengths = |(a, b): &(&str, &str)| (a.chars().count(), b.chars().count());
            b.total_cmp(a).then_with(|| lengths(right).cmp(&lengths(left)))
        });
        Ok(list(merges.into_iter().map(|(_, halves)| halves), pair))
    }

    fn texts(&self, field: &str) -> Result<&'a [String]> {
        match self.metadata.get(&format!("tokenizer.ggml.{field}")) {
            Some(Value::Texts(texts)) => Ok(texts),
            _ => Err(lacks(&format!("tokenizer.ggml.{field}"), "a list of texts", "none")),
        }
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn truth(&self, field: &str) -> Option<bool> {
        match self.metadata.get(&format!("tokenizer.ggml.{field}")) {
            Some(Value::Truth(truth)) => Some(*truth),
            _ => None,
        }
    }

    fn number(&self, field: &str) -> Option<u32> {
        match self.metadata.get(&format!("tokenizer.ggml.{field}")) {
            Some(Value::Number(number)) => Some(*number as u32),
            _ => None,
        }
    }
}

/// The token that begins every text, in front of it.
fn template(pieces: &[String], begin: Option<u32>) -> String {
    let Some((id, piece)) = begin.and_then(|id| Some((id, pieces.get(id as usize)?))) else {
        return "null".to_string();
    };
    let mut name = String::new();
    quote(&mut name, piece);
    let special = format!(r#"{{"SpecialToken":{{"id":{name},"type_id":0}}}}"#);
    let text = |id: &str| format!(r#"{{"Sequence":{{"id":"{id}","type_id":0}}}}"#);
    let (a, b) = (text("A"), text("B"));
    format!(
        r#"{{"type":"TemplateProcessing","single":[{special},{a}],"pair":[{special},{a},{b}],
        "special_tokens":{{{name}:{{"id":{name},"ids":[{id}],"tokens":[{name}]}}}}}}"#
    )
}

fn pair(json: &mut String, (a, b): (&str, &str)) {
    json.push('[');
    quote(json, a);
    json.push(',');
    quote(json, b);
    json.push(']');
}

/// What `write` writes of each item, with commas between.
fn list<T>(items: impl Iterator<Item = T>, write: impl Fn(&mut String, T)) -> String {
    let mut json = String::new();
    for item in items {
        if !json.is_empty() {
            json.push(',');
        }
        write(&mut json, item);
    }
    json
}

fn quote(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(json, "\\u{:04x}", control as u32);
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

fn lacks(field: &str, expected: &str, found: &str) -> Error {
    Error::config(format!("GGUF, {field}"), expected, found)
}
