"""Train a translator or a poet: python train.py CONFIG DATA RUN [--minutes N] [--initial MODEL].

RUN gets config.json, tokenizer.json, log.jsonl, checkpoint.pt, weights-*.pt, curve.png. Started
again with the same RUN it goes on from the checkpoint; a larger --minutes raises the rate again.
`torchrun --nproc_per_node=N train.py …` uses N processes, on GPUs if there are any.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch

import poems
import translation
from batches import IGNORED
from checkpoint import load, save, start_from
from curve import draw_curve
from distributed import Workers
from meter import Meter
from muon import fast_bf16
from optimizers import build_optimizers, set_rate
from schedule import rate, settings_at

TASKS = {"translation": translation, "poems": poems}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("data", type=Path, help="a folder of pairs or of poems")
    parser.add_argument("run", type=Path, help="a folder for all that this run makes")
    parser.add_argument("--minutes", type=float, help="training time in all, for the config's")
    parser.add_argument(
        "--initial", type=Path, metavar="MODEL", help="begin with an exported model"
    )
    return parser.parse_args()


def batches_of(state, config, task, data, tokenizer, workers):
    """This worker's batches of the epoch that the state is in."""
    now = settings_at(state["seconds"] / (60 * config["minutes"]), config)
    seed = config["seed"] + state["epoch"]
    return workers.in_step(task.batches_of(data, tokenizer, now, seed, workers))


def learn(batch, objective, model, optimizers, config, device):
    """One step of gradient descent; returns the loss before it."""
    shorter = config["bf16"] and fast_bf16(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=shorter):
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
    task = TASKS[config["task"]]
    data, tokenizer = task.prepare(config, options, workers)
    model = task.build(config, tokenizer.get_vocab_size())
    if options.initial:
        start_from(options.initial, model)
    model.to(workers.device).train()
    optimizers = build_optimizers(model, config)
    objective = workers.share(task.Loss(model, config))
    state = load(options.run, model, optimizers, workers.device)
    budget, meter, saved = config["minutes"] * 60, Meter(options.run), time.monotonic()
    while state["seconds"] < budget:
        started = time.monotonic()
        for batch in batches_of(state, config, task, data, tokenizer, workers):
            factor = rate(state["seconds"] / budget, config)
            set_rate(optimizers, factor)
            loss = learn(batch, objective, model, optimizers, config, workers.device)
            meter.add(loss, int((batch[-1] != IGNORED).sum()))
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
