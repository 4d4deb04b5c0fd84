"""Learning curves from the log of a training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FIRST = ("loss", "skeleton")


def draw_curves(log: Path, picture: Path, window: int = 20) -> None:
    """Draw the loss, the recall of the skeleton and the overlap of each channel over the steps, as running medians."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row.get("event") == "step"]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    named = {key: None for row in rows for key in row}
    for part in [*FIRST, *(key for key in named if key.endswith("_overlap"))]:
        values = np.array([row[part] for row in rows if part in row])
        if len(values) == 0:
            continue
        steps = np.array([row["step"] for row in rows if part in row])
        smooth = [float(np.median(values[max(0, at - window) : at + 1])) for at in range(len(values))]
        axes.plot(steps, smooth, label=part.replace("_", " "))
    axes.set_xlabel("step")
    axes.set_ylabel("loss (running median)")
    axes.set_ylim(bottom=0.0)
    axes.legend()
    figure.savefig(picture, dpi=110)
