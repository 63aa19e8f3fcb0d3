//! A GGUF's metadata becomes a tokenizer.json that splits texts as the model was trained to.
#![cfg(not(target_arch = "wasm32"))]

use std::str::FromStr;

use glassformer::weights::{Metadata, Tokens, Value};
use tokenizers::Tokenizer;

fn texts(items: &[&str]) -> Value {
    Value::Texts(items.iter().map(ToString::to_string).collect())
}

fn metadata(fields: &[(&str, Value)]) -> Metadata {
    fields.iter().map(|(key, value)| (format!("tokenizer.ggml.{key}"), value.clone())).collect()
}

fn tokenizer(metadata: &Metadata) -> Tokenizer {
    let json = Tokens::new(metadata).to_json().expect("metadata of a known kind");
    Tokenizer::from_str(&json).expect("a tokenizer.json that the library reads")
}

fn pieces(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    tokenizer.encode(text, true).expect("any text").get_tokens().to_vec()
}

/// Letters, digits and marks, and what they merge to.
fn byte_level(split: &str) -> Metadata {
    let tokens = ["<|end|>", "a", "b", "c", "1", "2", "Ġ", "\"", "\\", "ab", "Ġab", "12"];
    metadata(&[
        ("model", Value::Text("gpt2".to_string())),
        ("pre", Value::Text(split.to_string())),
        ("tokens", texts(&tokens)),
        ("token_type", Value::Numbers((0..12).map(|id| if id == 0 { 3.0 } else { 1.0 }).collect())),
        ("merges", texts(&["a b", "Ġ ab", "1 2"])),
        ("bos_token_id", Value::Number(0.0)),
    ])
}

#[test]
fn byte_level_tokens_are_split_by_the_rule_that_the_file_names() {
    let words = tokenizer(&byte_level("gpt-2"));
    assert_eq!(pieces(&words, "ab ab12"), ["ab", "Ġab", "12"]);
    assert_eq!(pieces(&words, "a<|end|>\"\\"), ["a", "<|end|>", "\"", "\\"]);
    let digits = tokenizer(&byte_level("smollm"));
    assert_eq!(pieces(&digits, "ab ab12"), ["ab", "Ġab", "1", "2"]);
    assert_eq!(digits.decode(&[9, 10, 4, 5], true).expect("known ids"), "ab ab12");
}

#[test]
fn a_file_that_asks_for_it_begins_every_text_with_a_token() {
    let mut metadata = byte_level("smollm");
    let add = "tokenizer.ggml.add_bos_token".to_string();
    metadata.insert(add.clone(), Value::Truth(true));
    assert_eq!(pieces(&tokenizer(&metadata), "ab"), ["<|end|>", "ab"]);
    metadata.insert(add, Value::Truth(false));
    assert_eq!(pieces(&tokenizer(&metadata), "ab"), ["ab"]);
    assert_eq!(pieces(&tokenizer(&byte_level("llama-bpe")), "ab"), ["<|end|>", "ab"]);
}

#[test]
fn sentencepiece_merges_the_pair_that_makes_the_best_token() {
    let tokens = ["<unk>", "<s>", "</s>", "▁", "a", "b", "c", "bc", "ab", "▁a", "<0x0A>"];
    let scores = [0.0, 0.0, 0.0, -9.0, -8.0, -7.0, -6.0, -1.0, -2.0, -3.0, 0.0];
    let kinds = [2.0, 3.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 6.0];
    let metadata = metadata(&[
        ("model", Value::Text("llama".to_string())),
        ("tokens", texts(&tokens)),
        ("scores", Value::Numbers(scores.to_vec())),
        ("token_type", Value::Numbers(kinds.to_vec())),
        ("bos_token_id", Value::Number(1.0)),
    ]);
    let tokenizer = tokenizer(&metadata);
    assert_eq!(pieces(&tokenizer, "abc a\n"), ["<s>", "▁a", "bc", "▁a", "<0x0A>"]);
    assert_eq!(tokenizer.decode(&[1, 9, 7, 9, 10], true).expect("known ids"), "abc a\n");
}

#[test]
fn what_the_engine_lacks_is_named() {
    for (key, value, part) in [("model", "bert", "bert"), ("pre", "qwen9", "smollm")] {
        let mut metadata = byte_level("smollm");
        metadata.insert(format!("tokenizer.ggml.{key}"), Value::Text(value.to_string()));
        let error = Tokens::new(&metadata).to_json().expect_err("an unknown kind");
        assert_eq!(error.code(), "config");
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = Tokens::new(&Metadata::default()).to_json().expect_err("no tokens");
    assert!(error.to_string().contains("tokenizer.ggml.tokens"), "{error}");
}
