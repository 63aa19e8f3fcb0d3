"""Writes zh-en.json and everyday.json: what PyTorch makes of the shipped translator.

    python make_zh_en.py [FOLDER]    (default ../../models/zh-en)
"""

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer

from make import generate, judge, load_model, margins, pad_sources, trace

HERE = Path(__file__).resolve().parent
CANDIDATES = 10
SENTENCES = ["我吃了一个苹果", "我吃了一个苹果。"]


def make_zh_en(folder):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = load_model(folder, torch.float32)
    results = []
    for sentence in SENTENCES:
        source = tokenizer.encode(sentence)
        ids, mask = pad_sources([source.ids], model.config.pad_token_id)
        tokens = generate(model, ids, mask, 64)
        sites, chosen, everything = trace(model, ids, mask, tokens)
        best = everything[0].exp().topk(CANDIDATES)
        layers = range(model.config.decoder_layers)
        attention = [sites[f"decoder.{layer}.cross_attention.weights"][0] for layer in layers]
        results.append({
            "source": sentence,
            "source_ids": source.ids,
            "source_tokens": source.tokens,
            "ids": tokens[0].tolist(),
            "tokens": [tokenizer.id_to_token(id) for id in tokens[0].tolist()],
            "text": tokenizer.decode(tokens[0].tolist()),
            "probabilities": rounded(chosen[0].exp()),
            "candidates": [
                [{"id": id, "probability": p} for id, p in zip(ids, probabilities)]
                for ids, probabilities in zip(best.indices.tolist(), rounded(best.values))],
            "cross_attention": rounded(torch.stack(attention)),
        })
        print(f"{sentence} → {results[-1]['text']}")
    write_rows(HERE / "zh-en.json", results)
    write_rows(HERE / "everyday.json", [
        translate(model, tokenizer, sentence)
        for sentence in (HERE / "everyday.txt").read_text(encoding="utf-8").splitlines()])


@torch.no_grad()
def translate(model, tokenizer, sentence):
    """Greedy tokens, and by how much the chosen one leads in log-probability where it leads least."""
    ids, mask = pad_sources([tokenizer.encode(sentence).ids], model.config.pad_token_id)
    tokens = generate(model, ids, mask, 64)
    _, everything = judge(model, ids, mask, tokens)
    return {
        "source": sentence, "source_ids": ids[0].tolist(), "ids": tokens[0].tolist(),
        "text": tokenizer.decode(tokens[0].tolist()),
        "least_lead": rounded(margins(everything[0], tokens[0]).min())}


def write_rows(path, rows):
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def rounded(x):
    """Nested lists of six digits: f32 has seven."""
    if x.ndim == 0:
        return float(f"{float(x):.6g}")
    return [rounded(part) for part in x]


if __name__ == "__main__":
    # One thread adds in one order: the files come out the same on every run.
    torch.set_num_threads(1)
    default = HERE.parents[1] / "models" / "zh-en"
    make_zh_en(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
