"""A run's folder: what is in it, and that no run ever writes over another."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from gpubp.errors import RunError

CONFIG = "config.toml"
METRICS = "metrics.jsonl"
CHECKPOINT = "checkpoint.safetensors"
CURVES = "curves.png"
ALL = (CONFIG, METRICS, CHECKPOINT, CURVES)


def new_folder(out: str | os.PathLike[str] | None = None) -> Path:
    """Make the folder ``out``, or the next free one of runs/001, runs/002, ...

    Raises RunError where ``out`` exists or a folder can't be made.
    """
    try:
        if out is not None:
            Path(out).mkdir(parents=True)
            return Path(out)
        for number in count(1):
            folder = Path("runs") / f"{number:03}"
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                if not folder.exists():  # then it is "runs" that is a file
                    raise
            else:
                return folder
    except FileExistsError as error:
        raise RunError(
            f"{out or 'runs'}: already exists and is never overwritten; "
            "name a new folder with --out, or go on with --resume"
        ) from error
    except OSError as error:
        raise RunError(
            f"{out or 'runs'}: the folder can't be made ({error.strerror or error})"
        ) from error
    raise AssertionError("count() has no end")
