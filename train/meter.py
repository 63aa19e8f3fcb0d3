"""Loss and rate between two log lines, the log itself, and the check for divergence."""

import json
import math
import sys
import time


class Meter:
    """Sums the loss over target tokens; ends the run when it is no number or far above its best."""

    def __init__(self, run):
        self.run = run
        self.best = math.inf
        self.restart()

    def restart(self):
        self.loss, self.tokens, self.since = 0.0, 0, time.monotonic()

    def add(self, loss, tokens):
        if not math.isfinite(loss):
            sys.exit(
                "diverged: the loss is not a number; lower the learning rate, then start the same "
                "command again (it goes on from the last checkpoint) or use a new RUN"
            )
        self.loss += loss * tokens
        self.tokens += tokens

    def log(self, state, budget, factor, workers):
        """Print one line, append it to log.jsonl, start counting anew."""
        mean = self.loss / self.tokens
        speed = round(workers * self.tokens / (time.monotonic() - self.since))
        self.restart()
        row = {
            "step": state["step"],
            "epoch": state["epoch"],
            "minutes": round(state["seconds"] / 60, 2),
            "loss": round(mean, 4),
            "tokens_per_second": speed,
            "rate_factor": round(factor, 4),
        }
        with (self.run / "log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        left = (budget - state["seconds"]) / 60
        print(
            f"step {row['step']:>6}  epoch {row['epoch']:>3}  loss {mean:.3f}  "
            f"{speed:>6} target tokens/s  {left:.1f} min left",
            flush=True,
        )
        self.best = min(self.best, mean)
        if mean > self.best + 2.0:
            sys.exit(f"diverged: the loss rose from {self.best:.2f} to {mean:.2f}")
