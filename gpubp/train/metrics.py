"""What an epoch achieved, one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpubp.errors import RunError
from gpubp.train.atomic import write_atomically


def append_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Add one line to the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(metrics) + "\n")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of the file, oldest first; RunError, naming the line, where one can't be read."""
    if not path.exists():
        return []
    history = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            history.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise RunError(f"{path}: line {number} is not JSON ({error.msg})") from error
    return history


def keep_metrics(path: Path, epochs: int) -> list[dict[str, Any]]:
    """The lines of the first ``epochs`` epochs; later ones, which are to be run again, go.

    A run that was killed may have lines that its checkpoint doesn't know, the last one half
    written: what a checkpoint doesn't hold has not happened.
    """
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        write_atomically(path, "".join(lines[:epochs]).encode())
    return read_metrics(path)
