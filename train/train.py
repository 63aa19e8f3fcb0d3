"""Train a MarianMT translator: python train.py CONFIG DATA RUN [--minutes N] [--initial MODEL].

RUN gets config.json, tokenizer.json, log.jsonl, checkpoint.pt, weights-*.pt, curve.png. Started
again with the same RUN it goes on from the checkpoint; a larger --minutes raises the rate again.
`torchrun --nproc_per_node=N train.py …` uses N processes, on GPUs if there are any.
"""

import argparse
import json
import os
import shutil
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

from batches import IGNORED, epoch
from checkpoint import load, save, start_from
from curve import draw_curve
from distributed import Workers
from make_tokenizer import texts_of, train_tokenizer
from meter import Meter
from model import Loss, build
from optimizers import build_optimizers, set_rate
from pairs import draw, read_folder, select
from schedule import rate, settings_at


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("data", type=Path, help="a folder of .tsv or .tsv.xz files")
    parser.add_argument("run", type=Path, help="a folder for all that this run makes")
    parser.add_argument("--minutes", type=float, help="training time in all, for the config's")
    parser.add_argument(
        "--initial", type=Path, metavar="MODEL", help="begin with an exported model"
    )
    return parser.parse_args()


def prepare(config, options, workers):
    """The clean pairs and the tokenizer, which the first worker makes if the run has none."""
    pairs, report = read_folder(options.data)
    found = sorted({pair.source for pair in pairs})
    pairs = select(pairs, config)
    if not draw(pairs, config["weights"], config["seed"]):
        raise SystemExit(f"the config gives no weight to any source found: {', '.join(found)}")
    path = options.run / "tokenizer.json"
    if workers.first:
        print(f"{len(pairs):,} pairs kept; seen and skipped: {dict(report)}", flush=True)
        if options.initial and not path.exists():
            shutil.copy(options.initial / "tokenizer.json", path)
        if not path.exists():
            texts = texts_of(pairs, draw(pairs, config["weights"], config["seed"]))
            train_tokenizer(texts, config["vocabulary"], config["alphabet"]).save(str(path))
    workers.wait()
    return pairs, Tokenizer.from_file(str(path))


def batches_of(state, config, pairs, tokenizer, workers):
    """This worker's batches of the epoch that the state is in."""
    seed = config["seed"] + state["epoch"]
    now = settings_at(state["seconds"] / (60 * config["minutes"]), config)
    chosen = draw(pairs, now["weights"], seed)
    torch.manual_seed(1000 * seed + workers.rank)
    # Leaving out merges at random shows the model each word in several spellings.
    tokenizer.model.dropout = now["merge_dropout"]
    mine = chosen[workers.rank :: workers.count]
    batches = epoch(pairs, mine, tokenizer, now, tokenizer.get_vocab_size() - 1, seed)
    return workers.in_step(batches)


def learn(batch, objective, model, optimizers, config, device):
    """One step of gradient descent; returns the loss before it."""
    with torch.autocast(device.type, torch.bfloat16, enabled=config["bf16"]):
        loss = objective(*(tensor.to(device) for tensor in batch))
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config["clip"])
    if not norm.isfinite():
        # Not a step is taken, so that the last checkpoint stays sound; the meter ends the run.
        return float("nan")
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    return loss.item()


def train(config, options, workers):
    pairs, tokenizer = prepare(config, options, workers)
    model = build(config, tokenizer.get_vocab_size())
    if options.initial:
        start_from(options.initial, model)
    model.to(workers.device).train()
    optimizers = build_optimizers(model, config)
    objective = workers.share(Loss(model, config["label_smoothing"]))
    state = load(options.run, model, optimizers, workers.device)
    budget, meter, saved = config["minutes"] * 60, Meter(options.run), time.monotonic()
    while state["seconds"] < budget:
        started = time.monotonic()
        for batch in batches_of(state, config, pairs, tokenizer, workers):
            factor = rate(state["seconds"] / budget, config)
            set_rate(optimizers, factor)
            loss = learn(batch, objective, model, optimizers, config, workers.device)
            meter.add(loss, int((batch[3] != IGNORED).sum()))
            state["step"] += 1
            # All workers must read the same clock, or they would leave the loop at different steps.
            state["seconds"] += workers.longest(time.monotonic() - started)
            started = time.monotonic()
            if workers.first and state["step"] % config["log_every"] == 0:
                meter.log(state, budget, factor, workers.count)
            if workers.first and time.monotonic() - saved > config["save_every_seconds"]:
                save(options.run, model, optimizers, state, config["keep"])
                saved = time.monotonic()
            if state["seconds"] >= budget:
                break
        else:
            state["epoch"] += 1
    if workers.first:
        save(options.run, model, optimizers, state, config["keep"])


def main():
    options = arguments()
    options.run.mkdir(parents=True, exist_ok=True)
    config = json.loads(options.config.read_text())
    if options.minutes:
        config["minutes"] = options.minutes
    workers = Workers()
    if workers.first:
        (options.run / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    train(config, options, workers)
    if workers.first:
        draw_curve(options.run)
    workers.close()


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
