"""``gpubp predict``: what a trained network makes of new examples."""

from __future__ import annotations

import argparse
import io
import os
from itertools import count
from pathlib import Path

import numpy as np

from gpubp import data
from gpubp.errors import RunError
from gpubp.train.atomic import write_atomically
from gpubp.train.trained import Predictions, load_trained


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``gpubp predict``."""
    parser.add_argument("run", metavar="RUN", help="the folder of a run, as in runs/001")
    parser.add_argument(
        "data", metavar="DATA", help="as for train, with labels or without: FILE or FOLDER"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="a new .csv or .npz file (default: predictions.csv in the run's folder)",
    )
    parser.add_argument("--backend", metavar="NAME", help="auto, numpy, ... (default: the run's)")


def run(arguments: argparse.Namespace) -> int:
    """Write the predictions."""
    out = _new_file(Path(arguments.run), arguments.out)
    trained = load_trained(arguments.run, arguments.backend)
    examples, test = data.load(arguments.data, trained.config.label_column, trained.features)
    # A file that keeps test examples apart has them for this.
    examples = test or examples
    predictions = trained.predict(examples)
    write_atomically(out, _table(predictions) if out.suffix == ".csv" else _archive(predictions))
    line = f"{len(examples):,} predictions in {out}"
    if examples.y is not None:
        right = int(np.count_nonzero(predictions.label == examples.y))
        line += f"; {right / len(examples):.1%} ({right:,}) agree with the labels"
        if test is None and trained.config.data in (
            arguments.data,
            os.path.abspath(arguments.data),
        ):
            line += "; most of these examples were trained on"
    print(line)
    return 0


def _new_file(run_folder: Path, out: str | None) -> Path:
    """Where the predictions go: never over a file that is there."""
    if out is None:
        names = (f"predictions{'' if number == 1 else f'-{number}'}.csv" for number in count(1))
        return next(path for name in names if not (path := run_folder / name).exists())
    path = Path(out)
    if path.suffix not in (".csv", ".npz"):
        raise RunError(f"--out: expected a name that ends in .csv or .npz, got {out!r}")
    if path.exists():
        raise RunError(f"--out: {out} already exists and is never overwritten")
    if not path.parent.is_dir():
        raise RunError(f"--out: there is no folder {path.parent}")
    return path


def _table(predictions: Predictions) -> bytes:
    rows = zip(predictions.label.tolist(), predictions.probability.tolist(), strict=True)
    lines = ["label,probability", *(f"{label},{share:.6g}" for label, share in rows)]
    return ("\n".join(lines) + "\n").encode()


def _archive(predictions: Predictions) -> bytes:
    content = io.BytesIO()
    np.savez(content, label=predictions.label, probability=predictions.probability)
    return content.getvalue()
