"""Writes score.json: the log-probability of every token of given targets and texts.

    python make_score.py
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from make import MODELS as MARIAN, judge, load_model, pad_sources, random_tokens
from make_beams import digits, write_rows
from make_causal import MODELS as WRITERS

HERE = Path(__file__).resolve().parent
SOURCES, TARGETS, TEXTS = [2, 6, 4], [5, 3, 7], [8, 2, 5]


@torch.no_grad()
def translations(name, generator):
    """A batch of sources and targets of different lengths."""
    model = load_model(HERE / name, torch.float64)
    config, pad = model.config, model.config.pad_token_id
    below = [min(config.vocab_size, pad), min(config.decoder_vocab_size, pad)]
    sources, targets = (
        [random_tokens(length, most, generator) for length in lengths]
        for lengths, most in zip((SOURCES, TARGETS), below))
    ids, mask = pad_sources(sources, pad)
    tokens = pad_sources(targets, pad)[0]
    _, everything = judge(model, ids, mask, tokens)
    chosen = everything.gather(-1, tokens[..., None])[..., 0]
    return {
        "model": name, "sources": sources, "targets": targets,
        "log_probabilities": trimmed(chosen, targets)}


@torch.no_grad()
def texts(name, generator):
    """Texts of different lengths. Nothing is said of the first token: nothing stands before it."""
    model = AutoModelForCausalLM.from_pretrained(
        HERE / name, dtype=torch.float64, attn_implementation="eager").eval()
    below = model.config.vocab_size
    texts = [torch.randint(0, below, (length,), generator=generator).tolist() for length in TEXTS]
    rows = []
    for text in texts:
        everything = model(torch.tensor([text[:-1]]), use_cache=False).logits[0].log_softmax(-1)
        rows.append([digits(everything[at, token].item()) for at, token in enumerate(text[1:])])
    return {"model": name, "texts": texts, "log_probabilities": rows}


def trimmed(values, rows):
    return [[digits(x) for x in row[: len(like)].tolist()] for row, like in zip(values, rows)]


if __name__ == "__main__":
    # One thread adds in one order: the files come out the same on every run.
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(11)
    rows = [translations(name, generator) for name in MARIAN]
    rows += [texts(name, generator) for name in WRITERS]
    write_rows(HERE / "score.json", rows)
    print(*map(json.dumps, rows), sep="\n")
