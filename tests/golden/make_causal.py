"""Writes the golden files of decoder-only models: small GPT-2 and Llama models of random weights.

    python make_causal.py            every site of each, and logits of windows that move on
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

HERE = Path(__file__).resolve().parent
CAPACITY = 8
SINKS = 3

# Query heads on key heads 1:1, 3:1 and 8:1; heads of 32, 64, 80 and 128.
MODELS = {
    "gpt2_tied": dict(
        prompt=7, steps=8, bare_names=False, dtype=torch.float16,
        config=GPT2Config(
            n_embd=64, n_head=2, n_layer=2, n_positions=48, vocab_size=101, eos_token_id=100,
            bos_token_id=100, layer_norm_epsilon=1e-4)),
    "gpt2_untied": dict(
        prompt=2, steps=6, bare_names=True, dtype=torch.bfloat16,
        config=GPT2Config(
            n_embd=80, n_head=1, n_layer=1, n_positions=19, n_inner=36, vocab_size=83,
            eos_token_id=82, bos_token_id=82, tie_word_embeddings=False,
            activation_function="relu")),
    "llama_1_1": dict(
        prompt=6, steps=7, bare_names=False, dtype=torch.float32,
        config=LlamaConfig(
            hidden_size=36, num_attention_heads=3, num_key_value_heads=3, head_dim=32,
            intermediate_size=52, num_hidden_layers=2, vocab_size=97, max_position_embeddings=64,
            attention_bias=True, mlp_bias=True, eos_token_id=[96, 95], rms_norm_eps=1e-5,
            tie_word_embeddings=False)),
    "llama_3_1": dict(
        prompt=9, steps=6, bare_names=False, dtype=torch.float16,
        config=LlamaConfig(
            hidden_size=24, num_attention_heads=6, num_key_value_heads=2, head_dim=64,
            intermediate_size=40, num_hidden_layers=2, vocab_size=59, max_position_embeddings=128,
            eos_token_id=2, tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": 500.0})),
    "llama_8_1": dict(
        prompt=1, steps=7, bare_names=False, dtype=torch.bfloat16,
        config=LlamaConfig(
            hidden_size=24, num_attention_heads=8, num_key_value_heads=1, head_dim=128,
            intermediate_size=28, num_hidden_layers=1, vocab_size=71, max_position_embeddings=32,
            eos_token_id=70, tie_word_embeddings=True, hidden_act="gelu")),
}


class Unfit(Exception):
    """These weights can't tell right from wrong."""


def random_model(shape, generator):
    """A model whose attention is not uniform, and whose tokens vary."""
    model = AutoModelForCausalLM.from_config(shape["config"])
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        inputs = weight.shape[0 if "c_" in name else -1]
        if "norm" in name or "ln_" in name:
            noise = (1 if name.endswith("weight") else 0) + 0.2 * noise
        elif weight.ndim == 1:
            noise = 0.3 * noise
        elif "wte" in name or "embed_tokens" in name or "wpe" in name:
            noise = 0.5 * noise
        elif "lm_head" in name:
            noise = 2 * noise / math.sqrt(inputs)
        else:
            noise = 2 * noise / math.sqrt(inputs)
        weight.data.copy_(noise)
    return model.eval()


def save_model(model, folder, shape):
    """Writes the published layout, with the prefix of names or without."""
    model.to(shape["dtype"]).save_pretrained(folder)
    if shape["bare_names"]:
        tensors = load_file(folder / "model.safetensors")
        tensors = {name.removeprefix("transformer."): x for name, x in tensors.items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def pairs(x):
    """Values i and i + K/2 of each head as neighbours, as the engine has them."""
    return x.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2)


def band(length, capacity, sinks):
    """What each position of a ring of so many slots may look at: `[T, T]`, true where it may."""
    query, key = torch.arange(length)[:, None], torch.arange(length)[None]
    near = key > query - (capacity - sinks)
    return (key <= query) & (near | (key < sinks))


def additive(allowed, dtype):
    mask = torch.zeros(allowed.shape, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)
    return mask[None, None]


def watch(model, sites):
    """Hooks that write the sites of a pass into `sites`."""
    config = model.config
    is_llama = config.model_type == "llama"

    def output(module, name, change=lambda x: x):
        module.register_forward_hook(
            lambda _, __, out: sites.__setitem__(name, change(out[0] if isinstance(out, tuple) else out)))

    def given(module, name):
        module.register_forward_pre_hook(lambda _, args: sites.__setitem__(name, args[0]))

    body = model.model if is_llama else model.transformer
    output(body.embed_tokens if is_llama else body.wte, "decoder.embedding")
    if not is_llama:
        output(body.wpe, "decoder.position")
    output(body.norm if is_llama else body.ln_f, "decoder.norm")
    for index, layer in enumerate(body.layers if is_llama else body.h):
        at, forward = f"decoder.{index}.self_attention", f"decoder.{index}.feed_forward"
        if is_llama:
            attention, mlp = layer.self_attn, layer.mlp
            norms = [layer.input_layernorm, layer.post_attention_layernorm]
            ends = [attention.o_proj, mlp.down_proj]
            for part in ("query", "key", "value"):
                output(getattr(attention, part[0] + "_proj"), f"{at}.{part}",
                       lambda x: x.unflatten(-1, (-1, config.head_dim)))
            output(mlp.gate_proj, f"{forward}.gate")
            output(mlp.up_proj, f"{forward}.up")
        else:
            attention, mlp = layer.attn, layer.mlp
            norms, ends = [layer.ln_1, layer.ln_2], [attention.c_proj, mlp.c_proj]

            def split(_, __, out, at=at):
                for part, x in zip(("query", "key", "value"), out.chunk(3, -1)):
                    sites[f"{at}.{part}"] = x.unflatten(-1, (config.n_head, -1))
            attention.c_attn.register_forward_hook(split)
            output(mlp.c_fc, f"{forward}.pre_activation")
        output(norms[0], f"{at}.norm")
        given(ends[0], f"{at}.context")
        output(ends[0], f"{at}.output")
        given(norms[1], f"{at}.residual")
        output(norms[1], f"{forward}.norm")
        given(ends[1], f"{forward}.activation")
        output(ends[1], f"{forward}.output")
        output(layer, f"{forward}.residual")
        attention.register_forward_hook(
            lambda _, __, out, at=at: sites.__setitem__(f"{at}.weights", out[1]))


def add_scores(model, sites, allowed):
    """Scores of turned queries and keys; their softmax is what the model itself weighed with."""
    config = model.config
    for index in range(config.num_hidden_layers):
        at = f"decoder.{index}.self_attention"
        query, key = (sites[f"{at}.{part}"].transpose(1, 2) for part in ("query", "key"))
        if config.model_type == "llama":
            positions = torch.arange(query.shape[2])[None]
            cos, sin = model.model.rotary_emb(query, positions)
            query, key = apply_rotary_pos_emb(query, key, cos, sin)
            for part in ("query", "key"):
                sites[f"{at}.{part}"] = pairs(sites[f"{at}.{part}"])
            sites[f"{at}.turned_key"] = pairs(key).transpose(1, 2)
        else:
            sites[f"{at}.turned_key"] = key.transpose(1, 2)
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        weights = scores.masked_fill(~allowed, -math.inf).softmax(-1)
        assert (weights - sites[f"{at}.weights"]).abs().max() < 1e-6, "the mask is the model's"
        sites[f"{at}.scores"] = scores.masked_fill(~allowed, 0)


@torch.no_grad()
def write(model, prompt, steps, capacity, sinks):
    """Greedy tokens after a prompt, each from a pass over all before it; the logits of the steps."""
    tokens, rows = list(prompt), []
    for _ in range(steps):
        mask = additive(band(len(tokens), capacity, sinks), torch.float64)
        logits = model(torch.tensor([tokens]), attention_mask=mask, use_cache=False).logits[0, -1]
        rows.append(logits)
        tokens.append(int(logits.argmax()))
    best = torch.stack(rows).topk(2).values
    margin = (best[:, 0] - best[:, 1]).min()
    written = tokens[len(prompt):]
    # Rounding in f32 must not decide, and tokens must vary.
    if margin < 0.01 or len(set(written)) < 4:
        raise Unfit
    return written, torch.stack(rows)


@torch.no_grad()
def make(name, shape, seed):
    folder, generator = HERE / name, torch.Generator().manual_seed(seed)
    model = random_model(shape, generator)
    save_model(model, folder, shape)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager").eval()
    config = model.config
    prompt = torch.randint(0, config.vocab_size - 2, (shape["prompt"],), generator=generator).tolist()
    written, _ = write(model, prompt, shape["steps"], 1 << 10, 0)
    inputs = prompt + written[:-1]
    sites, allowed = {}, band(len(inputs), 1 << 10, 0)
    watch(model, sites)
    mask = additive(allowed, torch.float64)
    logits = model(torch.tensor([inputs]), attention_mask=mask, use_cache=False).logits
    add_scores(model, sites, allowed)
    if config.model_type == "gpt2":
        sites["decoder.position"] = sites["decoder.position"].reshape(1, len(inputs), -1)
    sites["logits"], sites["probabilities"] = logits, logits.softmax(-1)
    sites = {site: x[0] for site, x in sites.items()}
    sites |= {"prompt": torch.tensor(prompt), "tokens": torch.tensor(written)}
    if config.model_type == "llama":
        # Three times round a ring of CAPACITY slots, with and without sinks.
        for label, sinks in (("window", 0), ("sinks", SINKS)):
            tokens, rows = write(model, prompt, 3 * CAPACITY, CAPACITY, sinks)
            sites |= {f"{label}.tokens": torch.tensor(tokens), f"{label}.logits": rows}
    # Ids are floats too, so that the engine's own reader reads them.
    save_file({key: x.float().contiguous() for key, x in sites.items()}, folder / "sites.safetensors")
    sizes = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{name}, seed {seed}: {written}, {sizes} bytes", json.dumps(sorted(x.name for x in folder.iterdir())))


if __name__ == "__main__":
    # One thread adds in one order: the files come out the same on every run.
    torch.set_num_threads(1)
    for name, shape in MODELS.items():
        for seed in range(1000):
            try:
                make(name, shape, seed)
                break
            except Unfit:
                continue
