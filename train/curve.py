"""Draw the loss and the learning rate of a run: python curve.py RUN writes RUN/curve.png."""

import json
import sys
from pathlib import Path


def draw_curve(run):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    minutes = [row["minutes"] for row in rows]
    figure, axis = pyplot.subplots(figsize=(8, 4.5))
    axis.plot(minutes, [row["loss"] for row in rows], color="tab:blue")
    axis.set(xlabel="minutes", ylabel="training loss (label-smoothed)")
    right = axis.twinx()
    right.plot(minutes, [row["rate_factor"] for row in rows], color="tab:gray", linestyle=":")
    right.set_ylabel("share of the full learning rate")
    figure.tight_layout()
    figure.savefig(run / "curve.png", dpi=120)


if __name__ == "__main__":
    draw_curve(Path(sys.argv[1]))
