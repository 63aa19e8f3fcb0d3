"""Compare the engine's greedy tokens with PyTorch's: python compare_engine.py MODEL FILE ENGINE.

FILE has lines of Chinese<TAB>English. ENGINE is the program `glassformer`, built by
`cargo build --release`, or `../build.sh`, which runs the npm package in headless Chrome. For each
storage (--storage, f32 and int8) it prints how many sentences differ, and for each of these both
tokens where they part and what PyTorch in f32 thinks of the two.
"""

import argparse
import subprocess
from itertools import zip_longest
from pathlib import Path

import torch

from evaluate import load, read_pairs


def engine_tokens(options, storage, texts):
    """Ids that the engine writes for each text."""
    command = [options.engine, "translate", "--ids", "--storage", storage]
    command += ["--model", options.model.resolve(), "-"]
    lines = "".join(f"{text}\n" for text in texts)
    done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True)
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]


def torch_tokens(model, source):
    """Ids that PyTorch writes, the end included, as the engine counts them."""
    made = model.generate(input_ids=torch.tensor([source]), num_beams=1, do_sample=False)
    return made[0, 1:].tolist()


def scores_at(model, source, before):
    """Log-probabilities of the token after those `before`, padding banned."""
    start = model.config.decoder_start_token_id
    logits = model(
        input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[start, *before]])
    ).logits[0, -1]
    logits[start] = -torch.inf
    return logits.log_softmax(-1)


def report(model, tokenizer, text, source, ours, theirs):
    """One line: where the two part, and by how much PyTorch prefers its own."""
    at = next(i for i, pair in enumerate(zip_longest(ours, theirs)) if pair[0] != pair[1])
    if at in (len(ours), len(theirs)):
        print(f"  {text}\tone is longer: {len(ours)} tokens, PyTorch {len(theirs)}")
        return 0.0
    scores = scores_at(model, source, theirs[:at])
    gap = (scores[theirs[at]] - scores[ours[at]]).item()
    pieces = [tokenizer.id_to_token(ids[at]) for ids in (ours, theirs)]
    rank = int((scores > scores[ours[at]]).sum()) + 1
    print(
        f"  {text}\ttoken {at + 1}: {pieces[0]!r}, PyTorch {pieces[1]!r}, "
        f"which leads by {gap:.4f} (the engine's is its number {rank})"
    )
    return gap


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("engine", type=Path)
    parser.add_argument("--storage", nargs="+", default=["f32", "int8"])
    options = parser.parse_args()
    model, tokenizer = load(options.model)
    texts = read_pairs(options.file)[0]
    sources = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    with torch.inference_mode():
        wanted = [torch_tokens(model, source) for source in sources]
        for storage in options.storage:
            found = engine_tokens(options, storage, texts)
            rows = list(zip(texts, sources, found, wanted, strict=True))
            gaps = [report(model, tokenizer, *row) for row in rows if row[2] != row[3]]
            print(
                f"{storage}: {len(gaps)} of {len(texts)} sentences differ; "
                f"the widest lead overturned is {max(gaps, default=0):.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
