"""The learning curves as a picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from gpubp.errors import MissingPackageError
from gpubp.train.atomic import write_atomically

_LOSSES = ("train_loss", "test_loss")
_TRAIN, _TEST, _INK, _GRID = "#8a8f98", "#1f6fd6", "#30343b", "#e4e6ea"


def write_curves(path: Path, history: list[dict[str, Any]], title: str) -> None:
    """Draw loss and accuracy over the epochs to a PNG; MissingPackageError without matplotlib."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator, PercentFormatter
    except ImportError as error:
        raise MissingPackageError(
            f"{path.name} was not written: it needs matplotlib (pip install matplotlib)"
        ) from error
    # Figure itself, not pyplot: no window system is asked for and no global state is touched.
    figure = Figure(figsize=(9, 3.8), dpi=150, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=_INK)
    epochs = [line["epoch"] for line in history]
    last = history[-1]
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part, color, width in (("train", _TRAIN, 1.4), ("test", _TEST, 2.0)):
            values = [line[f"{part}_{name}"] for line in history]
            # A single epoch makes no line, only a point.
            marker = "o" if len(history) == 1 else None
            axes.plot(epochs, values, color=color, lw=width, marker=marker, label=part)
        axes.set_xlabel("epoch", fontsize=9, color=_INK)
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.tick_params(colors=_INK, labelsize=8, length=0)
        axes.grid(color=_GRID, lw=0.8)
        axes.set_axisbelow(True)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(_GRID)
        if name == "loss":
            axes.set_ylim(0, 1.08 * max(line[key] for line in history for key in _LOSSES))
            heading, corner = f"loss (test {last['test_loss']:.3f})", "upper right"
        else:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
            heading, corner = f"accuracy (test {last['test_accuracy']:.1%})", "lower right"
        axes.set_title(heading, loc="left", fontsize=10, color=_INK)
        axes.legend(loc=corner, frameon=False, fontsize=9, labelcolor=_INK)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_atomically(path, content.getvalue())
