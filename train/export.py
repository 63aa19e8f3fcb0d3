"""Write a run as a model folder: python export.py RUN MODEL [--average N] [--mix OTHER SHARE].

Averages the last N saved weights, mixes in a share of those of another exported model, which the
run began with (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"), rounds them to f16
and writes config.json, model.safetensors, tokenizer.json, tokenizer_config.json and
generation_config.json. A README.md in MODEL stays.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig

from checkpoint import start_from
from train import TASKS


def average(run, count):
    """The mean of the last `count` saved weights, in f32."""
    paths = sorted(run.glob("weights-*.pt"))[-count:]
    if not paths:
        raise SystemExit(f"no weights-*.pt in {run}: let train.py run until it has saved once")
    total = {}
    for path in paths:
        for name, tensor in torch.load(path, map_location="cpu").items():
            total[name] = total.get(name, 0) + tensor.float() / len(paths)
    print(f"averaged {len(paths)}: {paths[0].name} to {paths[-1].name}")
    return total


def mix(weights, model, other, share):
    """`weights` with a share of those of the model in the folder `other`, which has the same shape."""
    start_from(other, model)
    held = model.state_dict()
    return {name: (1 - share) * tensor + share * held[name] for name, tensor in weights.items()}


def write(run, folder, count, other):
    config = json.loads((run / "config.json").read_text())
    task = TASKS[config["task"]]
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    model = task.build(config, tokenizer.get_vocab_size())
    weights = average(run, count)
    if other:
        weights = mix(weights, model, Path(other[0]), float(other[1]))
    model.load_state_dict(weights)
    model.generation_config = GenerationConfig(**task.generation(model.config))
    model.half().save_pretrained(folder)
    shutil.copy(run / "tokenizer.json", folder)
    # Without the last field the JavaScript library would drop spaces before punctuation.
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **task.SPECIAL_TOKENS,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument(
        "--average", type=int, default=1, metavar="N", help="how many saved weights"
    )
    parser.add_argument(
        "--mix", nargs=2, metavar=("OTHER", "SHARE"), help="a model, and its share from 0 to 1"
    )
    options = parser.parse_args()
    options.model.mkdir(parents=True, exist_ok=True)
    # Each file is written aside and renamed, so that a reader never sees half of one.
    with tempfile.TemporaryDirectory(dir=options.model.parent) as draft:
        write(options.run, Path(draft), options.average, options.mix)
        for path in sorted(Path(draft).iterdir()):
            path.chmod(0o644)
            os.replace(path, options.model / path.name)
            print(f"{(options.model / path.name).stat().st_size:>12,}  {options.model / path.name}")


if __name__ == "__main__":
    main()
