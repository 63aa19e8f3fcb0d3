"""Writes sampling.json: what transformers' logits processors leave of random logits.

    python make_sampling.py
"""

import json
from pathlib import Path

import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

VOCABULARY = 48
# temperature, top-k, top-p, min-p, repetition penalty
OPTIONS = [
    (1.0, 0, 1.0, 0.0, 1.0),
    (0.4, 0, 1.0, 0.0, 1.0),
    (2.5, 0, 1.0, 0.0, 1.3),
    (1.0, 7, 1.0, 0.0, 1.0),
    (1.0, 0, 0.5, 0.0, 1.0),
    (1.3, 0, 0.97, 0.0, 0.8),
    (0.7, 0, 1.0, 0.05, 1.0),
    (1.0, 20, 0.8, 0.0, 1.1),
    (1.5, 12, 0.9, 0.1, 1.2),
    (3.0, 30, 0.95, 0.02, 5.0),
    (1.0, 48, 0.999, 0.001, 1.0),
    (1.0, 60, 0.02, 0.9, 1.5),
]


def distribution(logits, history, temperature, top_k, top_p, min_p, penalty):
    """What is left of each token, in the order in which `generate` applies them."""
    processors = LogitsProcessorList()
    if penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(penalty))
    processors.append(TemperatureLogitsWarper(temperature))
    if top_k:
        processors.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        processors.append(TopPLogitsWarper(top_p))
    if min_p > 0:
        processors.append(MinPLogitsWarper(min_p))
    return processors(torch.tensor([history]), logits[None].clone())[0].softmax(-1)


def main():
    generator = torch.Generator().manual_seed(5)
    results = []
    for options in OPTIONS:
        logits = 4 * torch.randn(VOCABULARY, generator=generator)
        history = torch.randint(VOCABULARY, [9], generator=generator).tolist()
        chances = distribution(logits, history, *options)
        assert len(set(logits.tolist())) == VOCABULARY, "transformers breaks ties as it likes"
        results.append({
            "options": options,
            "history": history,
            "logits": logits.tolist(),
            "chances": [float(f"{chance:.7g}") for chance in chances.tolist()],
        })
        print(options, int((chances > 0).sum()), "left")
    lines = ",\n".join(json.dumps(result) for result in results)
    (Path(__file__).resolve().parent / "sampling.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
