"""What an epoch achieved, one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpubp.errors import RunError
from gpubp.train.atomic import write_atomically

_DRAWN = {"epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"}


def append_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Add one line to the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(metrics) + "\n")


def keep_metrics(path: Path, epochs: int) -> list[dict[str, Any]]:
    """The lines of the first ``epochs`` epochs; later ones, which are to be run again, go.

    A run that was killed may have lines that its checkpoint doesn't know, the last one half
    written: what a checkpoint doesn't hold has not happened. Raises RunError, naming the line,
    where a line that stays can't be read; the file is then as it was.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    history = [_parse(path, number, line) for number, line in enumerate(lines[:epochs], 1)]
    if len(lines) > epochs:
        write_atomically(path, b"".join(lines[:epochs]))
    return history


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        metrics = json.loads(line)
    except ValueError as error:  # no JSON, or no UTF-8
        raise RunError(f"{path}: line {number} is not JSON") from error
    if not isinstance(metrics, dict) or not metrics.keys() >= _DRAWN:
        raise RunError(f"{path}: line {number} is not an epoch's metrics")
    return metrics
