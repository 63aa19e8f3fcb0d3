//! The config.json and the generation_config.json that a GGUF stands for, so that one parser reads all.

use serde_json::{Map, Value as Json, json};

use super::metadata::wrong;
use crate::error::Result;
use crate::weights::{Header, Metadata};

/// Both files of a GGUF; `None` for a file of another kind, which has them beside it.
pub fn config_files(header: &Header) -> Result<Option<[String; 2]>> {
    let Some(metadata) = &header.metadata else { return Ok(None) };
    let config = match metadata.text("general.architecture")? {
        Some("llama") => llama(header, metadata)?,
        _ => gpt2(header, metadata)?,
    };
    Ok(Some([Json::Object(config).to_string(), generation(metadata)?.to_string()]))
}

fn llama(header: &Header, metadata: &Metadata) -> Result<Map<String, Json>> {
    let size = |key: &str| metadata.size(&format!("llama.{key}"));
    let maybe = |key: &str| metadata.whole(&format!("llama.{key}"));
    let real = |key: &str| metadata.number(&format!("llama.{key}"));
    let holds = |name: &str| header.tensors.contains_key(name);
    let [width, heads] = [size("embedding_length")?, size("attention.head_count")?];
    let head_width = maybe("attention.key_length")?.unwrap_or(width / heads.max(1));
    let refused = [
        ("llama.attention.value_length", maybe("attention.value_length")?, head_width),
        ("llama.rope.dimension_count", maybe("rope.dimension_count")?, head_width),
        ("llama.expert_count", maybe("expert_count")?, 0),
    ];
    for (key, found, honoured) in refused {
        if let Some(found) = found.filter(|found| *found != honoured) {
            return Err(wrong(key, &honoured.to_string(), &found.to_string()));
        }
    }
    if holds("rope_freqs.weight") {
        return Err(wrong("rope_freqs.weight", "no frequencies of its own", "such a tensor"));
    }
    let mut config = object(json!({
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": size("feed_forward_length")?,
        "num_hidden_layers": size("block_count")?,
        "num_attention_heads": heads,
        "num_key_value_heads": maybe("attention.head_count_kv")?.unwrap_or(heads),
        "head_dim": head_width,
        "max_position_embeddings": size("context_length")?,
        "rms_norm_eps": real("attention.layer_norm_rms_epsilon")?.unwrap_or(1e-5),
        "rope_theta": real("rope.freq_base")?.unwrap_or(10_000.0),
        "vocab_size": vocabulary(header, "model.embed_tokens.weight"),
        "hidden_act": "silu",
        "tie_word_embeddings": !holds("lm_head.weight"),
        "attention_bias": holds("model.layers.0.self_attn.q_proj.bias"),
        "mlp_bias": holds("model.layers.0.mlp.up_proj.bias"),
    }));
    let scaling = metadata.text("llama.rope.scaling.type")?.filter(|kind| *kind != "none");
    if let Some(kind) = scaling {
        let factor = real("rope.scaling.factor")?;
        config.insert("rope_scaling".to_string(), json!({"rope_type": kind, "factor": factor}));
    }
    Ok(config)
}

fn gpt2(header: &Header, metadata: &Metadata) -> Result<Map<String, Json>> {
    let size = |key: &str| metadata.size(&format!("gpt2.{key}"));
    let epsilon = metadata.number("gpt2.attention.layer_norm_epsilon")?;
    Ok(object(json!({
        "model_type": "gpt2",
        "n_embd": size("embedding_length")?,
        "n_inner": size("feed_forward_length")?,
        "n_layer": size("block_count")?,
        "n_head": size("attention.head_count")?,
        "n_positions": size("context_length")?,
        "layer_norm_epsilon": epsilon.unwrap_or(1e-5),
        "vocab_size": vocabulary(header, "transformer.wte.weight"),
        "activation_function": "gelu_new",
        "tie_word_embeddings": !header.tensors.contains_key("lm_head.weight"),
    })))
}

/// As many tokens as have embeddings, whatever the metadata count.
fn vocabulary(header: &Header, name: &str) -> usize {
    header.tensors.get(name).and_then(|entry| entry.shape.first().copied()).unwrap_or(0)
}

/// Tokens that begin a text, and that end it or a turn of it.
fn generation(metadata: &Metadata) -> Result<Json> {
    let token = |name: &str| metadata.whole(&format!("tokenizer.ggml.{name}_token_id"));
    let mut ends: Vec<u64> = vec![];
    for end in [token("eos")?, token("eot")?].into_iter().flatten() {
        if !ends.contains(&end) {
            ends.push(end);
        }
    }
    let mut generation = Map::new();
    if let Some(begin) = token("bos")? {
        generation.insert("bos_token_id".to_string(), begin.into());
    }
    match ends[..] {
        [] => None,
        [end] => generation.insert("eos_token_id".to_string(), end.into()),
        _ => generation.insert("eos_token_id".to_string(), ends.into()),
    };
    Ok(Json::Object(generation))
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(fields) => fields,
        other => unreachable!("{other} is an object"),
    }
}
