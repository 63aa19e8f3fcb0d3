//! Configuration files of decoder-only models: published ones are read, and a field that is not honoured is named.

use glassformer::models::config::Positions;
use glassformer::models::families::parse;
use glassformer::ops::activation::Activation;
use glassformer::ops::norm::Kind;
use serde_json::{Value, json};

/// As OpenAI's checkpoint has it.
fn gpt2() -> Value {
    json!({
        "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": 0.1, "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256,
        "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2",
        "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024,
        "resid_pdrop": 0.1, "summary_activation": null, "summary_first_dropout": 0.1,
        "summary_proj_to_labels": true, "summary_type": "cls_index", "summary_use_proj": true,
        "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}},
        "vocab_size": 50257
    })
}

/// As SmolLM2-135M-Instruct has it.
fn llama() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
        "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 576,
        "initializer_range": 0.041666666666666664, "intermediate_size": 1536,
        "is_llama_config": true, "max_position_embeddings": 8192, "mlp_bias": false,
        "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30,
        "num_key_value_heads": 3, "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100000,
        "tie_word_embeddings": true, "torch_dtype": "bfloat16",
        "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}},
        "transformers_version": "4.42.3", "use_cache": true, "vocab_size": 49152
    })
}

#[test]
fn published_checkpoints_are_read() {
    let config = parse(&gpt2().to_string(), "").unwrap();
    assert_eq!((config.family, config.positions), ("gpt2", Positions::Learned));
    let decoder = config.decoder.unwrap();
    assert_eq!((decoder.heads, decoder.key_value_heads, decoder.head_width), (12, 12, 64));
    assert_eq!((decoder.inner_width, config.activation), (3072, Activation::GeluTanh));
    assert_eq!((config.norm, config.gated, config.tie_head), (Kind::Layer, false, true));
    assert_eq!(config.generation.end_tokens, [50256]);

    let generation = json!({
        "_from_model_config": true, "bos_token_id": 1, "eos_token_id": [2, 0], "do_sample": true,
        "pad_token_id": 2, "temperature": 0.2, "top_p": 0.9, "transformers_version": "4.42.3"
    });
    let config = parse(&llama().to_string(), &generation.to_string()).unwrap();
    assert_eq!(config.family, "llama");
    assert_eq!(config.positions, Positions::Rotary { theta: 100_000.0 });
    let decoder = config.decoder.unwrap();
    assert_eq!((decoder.heads, decoder.key_value_heads, decoder.head_width), (9, 3, 64));
    assert_eq!((config.norm, config.gated, config.tie_head), (Kind::Rms, true, true));
    assert_eq!((config.attention_bias, config.inner_bias), (false, false));
    assert_eq!(config.generation.end_tokens, [2, 0]);
}

#[test]
fn a_field_that_is_not_honoured_is_named_with_its_value() {
    let cases = [
        (gpt2(), "model_type", json!("gpt_neo")),
        (gpt2(), "n_head", json!(7)),
        (gpt2(), "n_ctx", json!(512)),
        (gpt2(), "scale_attn_by_inverse_layer_idx", json!(true)),
        (gpt2(), "add_cross_attention", json!(true)),
        (gpt2(), "activation_function", json!("mish")),
        (gpt2(), "layer_norm_epsilon", json!(-1.0)),
        (gpt2(), "eos_token_id", json!(50257)),
        (gpt2(), "a_new_idea", json!(true)),
        (llama(), "num_key_value_heads", json!(4)),
        (llama(), "num_key_value_heads", json!(10)),
        (llama(), "rope_scaling", json!({"type": "linear", "factor": 2.0})),
        (llama(), "rope_parameters", json!({"rope_type": "llama3", "rope_theta": 1e4})),
        (llama(), "partial_rotary_factor", json!(0.5)),
        (llama(), "rms_norm_eps", json!("small")),
        (llama(), "sliding_window", json!(4096)),
        (llama(), "quantization_config", json!({"bits": 4})),
        (llama(), "hidden_act", json!(3)),
        (llama(), "no_repeat_ngram_size", json!(3)),
    ];
    for (mut file, field, value) in cases {
        file[field] = value.clone();
        let error = parse(&file.to_string(), "").unwrap_err();
        let message = error.to_string();
        assert_eq!(error.code(), "config");
        assert!(message.starts_with("config.json") && message.contains(field), "{message}");
        let shown = value.to_string();
        assert!(message.contains(shown.trim_matches('"')), "{message}");
    }
}

#[test]
fn widths_that_kernels_lack_are_refused() {
    for (mut file, field, size) in [
        (llama(), "head_dim", 66),
        (llama(), "head_dim", 132),
        (llama(), "intermediate_size", 1538),
    ] {
        file[field] = json!(size);
        let error = parse(&file.to_string(), "").unwrap_err().to_string();
        assert!(error.contains(&size.to_string()), "{error}");
    }
}
