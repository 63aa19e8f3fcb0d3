//! Configuration files: published ones are read, and a field that is not honoured is named.

use glassformer::models::families::parse;
use glassformer::ops::activation::Activation;
use serde_json::{Value, json};

/// As transformers 4 and 5 write it for the OPUS-MT checkpoints.
fn published() -> Value {
    let text = r#"{
        "_name_or_path": "/tmp/Helsinki-NLP/opus-mt-zh-en", "_num_labels": 3,
        "activation_dropout": 0.0, "activation_function": "swish", "add_bias_logits": false,
        "add_final_layer_norm": false, "architectures": ["MarianMTModel"],
        "attention_dropout": 0.0, "bos_token_id": 0, "classif_dropout": 0.0,
        "classifier_dropout": 0.0, "d_model": 512, "decoder_attention_heads": 8,
        "decoder_ffn_dim": 2048, "decoder_layerdrop": 0.0, "decoder_layers": 6,
        "decoder_start_token_id": 65000, "decoder_vocab_size": 65001, "dropout": 0.1,
        "dtype": "float32", "encoder_attention_heads": 8, "encoder_ffn_dim": 2048,
        "encoder_layerdrop": 0.0, "encoder_layers": 6, "eos_token_id": 0,
        "extra_pos_embeddings": 65001, "forced_eos_token_id": 0, "gradient_checkpointing": false,
        "id2label": {"0": "LABEL_0"}, "init_std": 0.02, "is_encoder_decoder": true,
        "label2id": {"LABEL_0": 0}, "max_position_embeddings": 512, "model_type": "marian",
        "normalize_before": false, "normalize_embedding": false, "num_beams": 6,
        "num_hidden_layers": 6, "output_past": true, "pad_token_id": 65000,
        "scale_embedding": true, "share_encoder_decoder_embeddings": true,
        "static_position_embeddings": true, "torch_dtype": "float16",
        "transformers_version": "4.22.0.dev0", "use_cache": true, "vocab_size": 65001,
        "bad_words_ids": [[65000]], "max_length": 512, "do_sample": false, "temperature": 1.0,
        "is_decoder": false, "tie_word_embeddings": true, "prefix": null,
        "force_bos_token_to_be_generated": false
    }"#;
    serde_json::from_str(text).unwrap()
}

fn generation() -> Value {
    json!({
        "_from_model_config": true, "bad_words_ids": [[65000]], "bos_token_id": 0,
        "decoder_start_token_id": 65000, "eos_token_id": 0, "forced_eos_token_id": 0,
        "max_length": 512, "num_beams": 6, "pad_token_id": 65000, "renormalize_logits": true,
        "transformers_version": "4.34.0.dev0"
    })
}

fn with(mut file: Value, field: &str, value: Value) -> String {
    file[field] = value;
    file.to_string()
}

#[test]
fn a_published_checkpoint_is_read() {
    let config = parse(&published().to_string(), &generation().to_string()).unwrap();
    let [encoder, decoder] = [config.encoder, config.decoder].map(Option::unwrap);
    assert_eq!((config.model_width, decoder.layers, encoder.heads), (512, 6, 8));
    assert_eq!((config.source_vocabulary, config.vocabulary), (65001, 65001));
    assert_eq!(config.activation, Activation::Silu);
    assert_eq!(config.embedding_scale(), 512f32.sqrt());
    assert!(config.share_embeddings && config.tie_head && config.generation.bans_padding);
    assert_eq!(config.generation.start_token, 65000);
    assert_eq!((config.generation.end_tokens, config.generation.max_length), (vec![0], Some(512)));
}

#[test]
fn without_generation_config_its_fields_are_in_config() {
    let both = parse(&published().to_string(), &generation().to_string()).unwrap();
    assert_eq!(parse(&published().to_string(), "").unwrap(), both);
    let other = with(published(), "bad_words_ids", json!([[7]]));
    let error = parse(&other, "").unwrap_err().to_string();
    assert!(error.contains("config.json, bad_words_ids"), "{error}");
    // With the file, transformers overlooks that field of config.json.
    assert_eq!(parse(&other, &generation().to_string()).unwrap(), both);
}

#[test]
fn what_generation_config_leaves_out_is_in_config() {
    let config = parse(&published().to_string(), "{}").unwrap();
    assert_eq!((config.generation.start_token, config.generation.pad_token), (65000, 65000));
    assert!(!config.generation.bans_padding);
    assert_eq!(config.generation.max_length, Some(512));
}

#[test]
fn a_field_that_is_not_honoured_is_named_with_its_value() {
    for (field, value) in [
        ("model_type", json!("bart")),
        ("model_type", Value::Null),
        ("normalize_before", json!(true)),
        ("normalize_embedding", json!(true)),
        ("add_final_layer_norm", json!(true)),
        ("static_position_embeddings", json!(false)),
        ("is_encoder_decoder", json!(false)),
        ("activation_function", json!("mish")),
        ("activation_function", json!(3)),
        ("d_model", json!(0)),
        ("d_model", json!(-512)),
        ("d_model", json!("512")),
        ("d_model", json!(512.5)),
        ("d_model", json!(1e30)),
        ("d_model", Value::Null),
        ("encoder_layers", json!(70000)),
        ("num_hidden_layers", json!(7)),
        ("encoder_attention_heads", json!(7)),
        ("decoder_attention_heads", json!(513)),
        ("vocab_size", json!(u64::MAX)),
        ("scale_embedding", json!("yes")),
        ("rope_theta", json!(10000.0)),
        ("a_new_idea", json!(true)),
        ("quantization_config", json!({"bits": 4})),
        ("forced_bos_token_id", json!(250004)),
    ] {
        let shown = if value.is_null() { "no such field".to_string() } else { value.to_string() };
        let error = parse(&with(published(), field, value), &generation().to_string());
        let error = error.unwrap_err();
        let message = error.to_string();
        assert_eq!(error.code(), "config");
        assert!(message.starts_with("config.json") && message.contains(field), "{message}");
        assert!(message.contains(shown.trim_matches('"')), "{message}");
    }
}

#[test]
fn a_way_of_writing_that_is_not_honoured_is_named_with_its_value() {
    for (field, value) in [
        ("bad_words_ids", json!([[65000], [7]])),
        ("bad_words_ids", json!([[65000, 7]])),
        ("bad_words_ids", json!(65000)),
        ("eos_token_id", json!([0, 2])),
        ("eos_token_id", json!(65001)),
        ("forced_eos_token_id", json!(3)),
        ("no_repeat_ngram_size", json!(3)),
        ("repetition_penalty", json!(1.2)),
        ("min_length", json!(5)),
        ("do_sample", json!(true)),
        ("max_length", json!(0)),
        ("suppress_tokens", json!([5])),
    ] {
        let shown = value.to_string();
        let changed = with(generation(), field, value);
        let error = parse(&published().to_string(), &changed).unwrap_err();
        let message = error.to_string();
        assert_eq!(error.code(), "config");
        assert!(message.starts_with("generation_config.json"), "{message}");
        assert!(message.contains(field) && message.contains(&shown), "{message}");
    }
    let same = with(generation(), "repetition_penalty", json!(1.0));
    assert!(parse(&published().to_string(), &same).is_ok());
}

#[test]
fn what_is_no_configuration_is_an_error_that_names_the_file() {
    for text in ["", "{", "[]", "null", "\u{0}", "{\"d_model\": 1e999}", &"[".repeat(100_000)] {
        let error = parse(text, "").unwrap_err();
        assert!(error.code() == "config" && error.to_string().contains("config.json"));
        assert!(error.to_string().len() < 400);
    }
    let error = parse(&published().to_string(), "{").unwrap_err();
    assert!(error.to_string().contains("generation_config.json"));
}

#[test]
fn untied_embeddings_have_their_own_names_and_vocabularies() {
    let mut file = published();
    file["share_encoder_decoder_embeddings"] = json!(false);
    file["tie_word_embeddings"] = json!(false);
    file["decoder_vocab_size"] = json!(65100);
    let config = parse(&file.to_string(), &generation().to_string()).unwrap();
    assert_eq!((config.source_vocabulary, config.vocabulary), (65001, 65100));
    assert!(!config.share_embeddings && !config.tie_head);
}
