//! What GGUF calls the tensors of a model, and what Hugging Face's files call them.

const LLAMA: &[(&str, &str)] =
    &[("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")];

const LLAMA_LAYER: &[(&str, &str)] = &[
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

const GPT2: &[(&str, &str)] = &[
    ("token_embd", "transformer.wte"),
    ("position_embd", "transformer.wpe"),
    ("output_norm", "transformer.ln_f"),
    ("output", "lm_head"),
];

const GPT2_LAYER: &[(&str, &str)] = &[
    ("attn_norm", "ln_1"),
    ("attn_qkv", "attn.c_attn"),
    ("attn_output", "attn.c_proj"),
    ("ffn_norm", "ln_2"),
    ("ffn_up", "mlp.c_fc"),
    ("ffn_down", "mlp.c_proj"),
];

/// `blk.3.attn_q.weight` of a llama is `model.layers.3.self_attn.q_proj.weight`; a name that has no
/// other stays as it is.
pub fn hugging_face_name(architecture: &str, name: &str) -> String {
    let (whole, in_layer, layers) = match architecture {
        "llama" => (LLAMA, LLAMA_LAYER, "model.layers"),
        _ => (GPT2, GPT2_LAYER, "transformer.h"),
    };
    let known = |names: &[(&str, &'static str)], stem: &str| {
        names.iter().find(|(own, _)| *own == stem).map(|(_, theirs)| *theirs)
    };
    let renamed = name.rsplit_once('.').and_then(|(stem, kind)| {
        match stem.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) {
            Some((layer, stem)) => {
                Some(format!("{layers}.{layer}.{}.{kind}", known(in_layer, stem)?))
            }
            None => Some(format!("{}.{kind}", known(whole, stem)?)),
        }
    });
    renamed.unwrap_or_else(|| name.to_string())
}
