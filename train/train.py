"""Train a MarianMT translator: python train.py CONFIG DATA RUN [--minutes N].

RUN receives the config, tokenizer.json, log.jsonl, checkpoint.pt and curve.png; started again with the
same RUN it goes on from the checkpoint. `torchrun --nproc_per_node=N train.py …` uses N processes.
"""

import argparse
import json
import math
import os
import random
import shutil
import sys
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

from batches import IGNORED, epoch
from checkpoint import load, save
from distributed import Workers
from make_tokenizer import texts_of, train_tokenizer
from model import Loss, build
from optimizers import build_optimizers
from pairs import draw, read_folder, select


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("data", type=Path, help="a folder of .tsv or .tsv.xz: Chinese, English, optional source")
    parser.add_argument("run", type=Path, help="a folder for all that this run makes")
    parser.add_argument("--minutes", type=float, help="training time in all; replaces the config's")
    return parser.parse_args()


def prepare(config, data, run, workers):
    """The clean pairs and the tokenizer; the first worker makes the tokenizer if the run has none."""
    pairs, report = read_folder(data)
    pairs = select(pairs, config)
    if workers.first:
        print(f"{len(pairs):,} pairs kept; seen and skipped: {dict(report)}", flush=True)
        if not (run / "tokenizer.json").exists():
            chosen = draw(pairs, config["weights"], config["seed"])
            texts = texts_of(pairs, chosen)
            tokenizer = train_tokenizer(texts, config["vocabulary"], config["alphabet"])
            tokenizer.save(str(run / "tokenizer.json"))
    workers.wait()
    return pairs, Tokenizer.from_file(str(run / "tokenizer.json"))


def rate(progress, config):
    """Learning-rate factor for the share of the budget that is used up: warm-up, plateau, decay to zero."""
    warm, hold = config["warm_up"], config["hold"]
    if progress < warm:
        return progress / warm
    if progress < hold:
        return 1.0
    # Linear to zero: what a post-norm model of this size liked best.
    return max(0.0, (1.0 - progress) / (1.0 - hold))


def weights_at(progress, config):
    """The source weights of an epoch that starts here: the last part may prefer everyday sentences."""
    late = config.get("late")
    return late["weights"] if late and progress >= late["from"] else config["weights"]


class Meter:
    """Running loss and rate between two log lines, and the check for divergence."""

    def __init__(self):
        self.loss, self.tokens, self.since = 0.0, 0, time.monotonic()
        self.best = math.inf

    def add(self, loss, tokens):
        if not math.isfinite(loss):
            sys.exit("diverged: the loss is not a number; lower the learning rate and start from an older checkpoint")
        self.loss += loss * tokens
        self.tokens += tokens

    def read(self):
        """Mean loss and tokens a second since the last reading."""
        mean, speed = self.loss / self.tokens, self.tokens / (time.monotonic() - self.since)
        self.loss, self.tokens, self.since = 0.0, 0, time.monotonic()
        self.best = min(self.best, mean)
        if mean > self.best + 2.0:
            sys.exit(f"diverged: the loss rose from {self.best:.2f} to {mean:.2f}; lower the learning rate")
        return mean, speed


def train(config, pairs, tokenizer, run, workers):
    model = build(config, tokenizer.get_vocab_size()).to(workers.device)
    optimizers = build_optimizers(model, config)
    objective = workers.share(Loss(model, config["label_smoothing"]))
    state = load(run, model, optimizers, workers.device)
    budget = config["minutes"] * 60
    meter, last_save = Meter(), time.monotonic()
    dropout_in_merges = config.get("merge_dropout", 0.0)
    model.train()
    while state["seconds"] < budget:
        chosen = draw(pairs, weights_at(state["seconds"] / budget, config), config["seed"] + state["epoch"])
        mine = chosen[workers.rank :: workers.count]
        torch.manual_seed(config["seed"] + 1000 * state["epoch"] + workers.rank)
        random.seed(config["seed"] + state["epoch"])
        tokenizer.model.dropout = dropout_in_merges
        batches = epoch(
            pairs, mine, tokenizer, config["batch_tokens"], config["longest"],
            model.config.pad_token_id, config["seed"] + state["epoch"],
        )
        started = time.monotonic()
        for batch in workers.in_step(batches):
            factor = rate(state["seconds"] / budget, config)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = group["base_lr"] * factor
            batch = [tensor.to(workers.device) for tensor in batch]
            with torch.autocast(workers.device.type, torch.bfloat16, enabled=config["bf16"]):
                loss = objective(*batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config["clip"])
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
            meter.add(loss.item(), int((batch[3] != IGNORED).sum()))
            state["step"] += 1
            # Every worker must read the same clock, or they would leave the loop at different steps.
            state["seconds"] += workers.agree(time.monotonic() - started)
            started = time.monotonic()
            if state["step"] % config["log_every"] == 0 and workers.first:
                log(run, state, budget, meter, factor, workers)
            if time.monotonic() - last_save > config["save_every_seconds"] and workers.first:
                save(run, model, optimizers, state, config["keep"])
                last_save = time.monotonic()
            if state["seconds"] >= budget:
                break
        else:
            state["epoch"] += 1
    if workers.first:
        save(run, model, optimizers, state, config["keep"])


def log(run, state, budget, meter, factor, workers):
    loss, speed = meter.read()
    left = (budget - state["seconds"]) / 60
    row = {
        "step": state["step"], "epoch": state["epoch"], "minutes": round(state["seconds"] / 60, 2),
        "loss": round(loss, 4), "tokens_per_second": round(speed * workers.count), "rate_factor": round(factor, 4),
    }
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(
        f"step {row['step']:>6}  epoch {row['epoch']:>3}  loss {loss:.3f}  "
        f"{row['tokens_per_second']:>6} target tokens/s  {left:.1f} min left", flush=True,
    )


def main():
    options = arguments()
    options.run.mkdir(parents=True, exist_ok=True)
    kept = options.run / "config.json"
    if not kept.exists():
        shutil.copy(options.config, kept)
    config = json.loads(options.config.read_text())
    if options.minutes:
        config["minutes"] = options.minutes
    workers = Workers()
    pairs, tokenizer = prepare(config, options.data, options.run, workers)
    train(config, pairs, tokenizer, options.run, workers)
    if workers.first:
        from curve import draw_curve

        draw_curve(options.run)
    workers.close()


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
