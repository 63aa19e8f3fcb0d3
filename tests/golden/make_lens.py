"""Writes lens.safetensors: what each block would write, by the model's own last norm and head.

    python make_lens.py
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from make import load_model

HERE = Path(__file__).resolve().parent
BEST = 5
MODELS = ["marian_tied_relu", "gpt2_tied", "llama_3_1"]


def sites_of(model, golden):
    """Embedding, then what leaves each block of the decoder: the norm, where that is behind."""
    part = "norm" if model.config.model_type == "marian" else "residual"
    names = [
        f"decoder.{layer}.{block}.{part}" for layer in range(model.config.num_hidden_layers)
        for block in ("self_attention", "cross_attention", "feed_forward")]
    return ["decoder.embedding"] + [name for name in names if name in golden]


@torch.no_grad()
def projected(model, x):
    """Logits, and log-probabilities of the tokens that may be written."""
    kind = model.config.model_type
    if kind == "marian":
        logits = model.lm_head(x) + model.final_logits_bias
    else:
        norm = model.model.norm if kind == "llama" else model.transformer.ln_f
        logits = model.lm_head(norm(x))
    allowed = logits.clone()
    for [word] in model.generation_config.bad_words_ids or []:
        allowed[..., word] = -torch.inf
    return logits, allowed, allowed.log_softmax(-1)


def make_model(name, generator):
    folder = HERE / name
    golden = load_file(folder / "sites.safetensors")
    if name.startswith("marian"):
        model = load_model(folder, torch.float64)
    else:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float64, attn_implementation="eager").eval()
    # One that is written, and two drawn: neither the padding that Marian bans.
    below = model.config.vocab_size - 1
    drawn = torch.randperm(below, generator=generator)[:2].tolist()
    tokens = [int(golden["tokens"].flatten()[1]), *drawn]
    result = {f"{name}/tokens": torch.tensor(tokens)}
    for site in sites_of(model, golden):
        logits, allowed, everything = projected(model, golden[site].double())
        best = everything.topk(BEST + 1)
        named = allowed[..., tokens]
        # Two values so near that rounding decides make an order of best tokens no fact.
        gaps = (best.values[..., :-1] - best.values[..., 1:]).amin(-1)
        result |= {
            f"{name}/{site}/ids": best.indices[..., :BEST],
            f"{name}/{site}/log_probabilities": best.values[..., :BEST],
            f"{name}/{site}/least_gap": gaps,
            f"{name}/{site}/ranks": (allowed[..., None, :] > named[..., None]).sum(-1),
            f"{name}/{site}/rank_gaps": rank_gaps(allowed, tokens),
            f"{name}/{site}/token_log_probabilities": everything[..., tokens]}
    error = (logits - golden["logits"]).abs().max()
    assert error < 1e-4, f"the last site's lens is the model's own logits: {error}"
    print(f"{name}: {tokens}, last lens {error:.1e} from the logits")
    return result


def rank_gaps(allowed, tokens):
    """How far the nearest other logit is: a rank is a fact where that is more than rounding."""
    gaps = (allowed[..., None, :] - allowed[..., tokens][..., None]).abs()
    for index, token in enumerate(tokens):
        gaps[..., index, token] = torch.inf
    return gaps.amin(-1)


if __name__ == "__main__":
    # One thread adds in one order: the files come out the same on every run.
    torch.set_num_threads(1)
    generator, tensors = torch.Generator().manual_seed(3), {}
    for name in MODELS:
        tensors |= make_model(name, generator)
    # Ids and ranks are floats, too, so that the engine's own reader reads them.
    tensors = {key: x.float().contiguous() for key, x in tensors.items()}
    save_file(tensors, HERE / "lens.safetensors")
