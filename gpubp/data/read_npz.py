"""NPZ files: ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from gpubp.data.dataset import Dataset
from gpubp.errors import DataError


def read_npz(path: Path) -> tuple[Dataset, Dataset | None]:
    """The examples of an NPZ file, and its test examples where it has a part for them.

    Labels may be missing. Raises DataError, naming the file and the array.
    """
    arrays = _arrays(path)
    if "x" in arrays:
        return _part(path, arrays, "x", "y"), None
    if "x_train" in arrays:
        train = _part(path, arrays, "x_train", "y_train")
        test = _part(path, arrays, "x_test", "y_test") if "x_test" in arrays else None
        return train, test
    if "x_test" in arrays:  # nothing to train on, but good enough to predict
        return _part(path, arrays, "x_test", "y_test"), None
    raise DataError(
        f"{path}: no array 'x' or 'x_train' (it has {', '.join(map(repr, arrays)) or 'none'}); "
        "name the arrays x and y, or x_train, y_train, x_test and y_test"
    )


def _part(path: Path, arrays: dict[str, np.ndarray], x: str, y: str) -> Dataset:
    return Dataset(arrays[x], arrays.get(y), str(path), f"array '{x}'", f"array '{y}'")


def _arrays(path: Path) -> dict[str, np.ndarray]:
    wanted = {"x", "y", "x_train", "y_train", "x_test", "y_test"}
    try:
        file = np.load(path, allow_pickle=False)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: not an NPZ file") from error
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise DataError(f"{path}: holds a single array, not an NPZ archive of x and y")
    with file:
        # Other arrays stay unread: they may be large, and only their names are reported.
        return {
            name: _read(file, path, name) if name in wanted else np.empty(0) for name in file.files
        }


def _read(file: np.lib.npyio.NpzFile, path: Path, name: str) -> np.ndarray:
    try:
        return file[name]
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        why = (
            "holds Python objects; save an array of numbers"
            if "allow_pickle" in str(error)
            else "is damaged"
        )
        raise DataError(f"{path}: array '{name}' {why}") from error
