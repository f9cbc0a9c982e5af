"""From what a user names to examples: the format is told by the suffix."""

from __future__ import annotations

import os
from pathlib import Path

from gpubp.data.dataset import Dataset
from gpubp.data.digits import load_digits
from gpubp.data.read_csv import read_csv
from gpubp.data.read_idx import read_idx_folder
from gpubp.data.read_npz import read_npz
from gpubp.errors import DataError


def load(
    source: str | os.PathLike[str], label_column: str = "auto", features: int | None = None
) -> tuple[Dataset, Dataset | None]:
    """The examples of ``source``, and its test examples where it keeps some apart (else None).

    ``source`` is "digits", an NPZ file (x, y or x_train, y_train, x_test, y_test), a CSV file, or
    a folder of IDX files as MNIST has them. Labels may be missing. ``label_column`` and
    ``features`` are for CSV: which column holds the labels, and the number of columns that a file
    without labels has. Raises DataError, naming the file and the field, and MissingPackageError
    for the digits without scikit-learn.

    >>> examples, test = load("digits")
    >>> len(examples), test
    (1797, None)
    """
    path = Path(source)
    if str(source) == "digits":  # a file of that name is ./digits
        return load_digits(), None
    try:
        if path.is_dir():
            return read_idx_folder(path)
        if not path.exists():
            raise DataError(f"{source}: no such file or folder")
        if path.suffix == ".npz":
            return read_npz(path)
        if path.suffix == ".csv":
            return read_csv(path, label_column, features), None
    except OSError as error:
        raise DataError(f"{source}: can't be read ({error.strerror or error})") from error
    raise DataError(
        f"{source}: unknown format '{path.suffix}'; "
        "give an .npz file, a .csv file or a folder of IDX files"
    )
