"""Folders of IDX files, the format of MNIST: train-images-idx3-ubyte and its companions."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from pathlib import Path

import numpy as np

from gpubp.data.dataset import Dataset
from gpubp.errors import DataError

# The third byte of the magic number, in big-endian order as the format has it.
# Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAME = re.compile(r"(train|t10k|test)[-_](images|labels)[-.]idx\d-\w+(\.gz)?")


def read_idx_folder(folder: Path) -> tuple[Dataset, Dataset | None]:
    """The training and test examples of a folder of IDX files, plain or .gz.

    The files are train-images-idx3-ubyte, train-labels-idx1-ubyte, and the same with t10k (or
    test); a folder with the test files alone gives these as its examples. Labels may be missing.
    Raises DataError, naming the file.
    """
    files = _files(folder)
    train, test = (_part(files, part) for part in ("train", "test"))
    if train is not None:
        return train, test
    if test is not None:
        return test, None
    raise DataError(
        f"{folder}: no train-images-idx3-ubyte(.gz) or t10k-images-idx3-ubyte(.gz) in this folder"
    )


def _part(files: dict[tuple[str, str], Path], part: str) -> Dataset | None:
    images, labels = files.get((part, "images")), files.get((part, "labels"))
    if images is None:
        return None
    return Dataset(
        read_idx(images),
        None if labels is None else read_idx(labels),
        source=str(images.parent),
        x_name=images.name,
        y_name=labels.name if labels else "labels",
    )


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    """(part, kind) -> file; a plain file goes before the .gz that it was unpacked from."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()):
        match = _NAME.search(path.name)
        if not match or match.end() != len(path.name):
            continue
        key = ("train" if match[1] == "train" else "test", match[2])
        if key not in found:
            found[key] = path
        elif path.name.removesuffix(".gz") != found[key].name.removesuffix(".gz"):
            raise DataError(
                f"{folder}: {found[key].name} and {path.name} are both {match[1]} {match[2]}; "
                "keep one data set to a folder"
            )
    return found


def read_idx(path: Path) -> np.ndarray:
    """One IDX file as an array; DataError where it isn't one or is cut short."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip file ({error})") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES:
        raise DataError(
            f"{path}: not an IDX file (it starts with {content[:4].hex(' ') or 'nothing'})"
        )
    dtype, ndim = np.dtype(_DTYPES[content[2]]), content[3]
    start = 4 + 4 * ndim
    if len(content) < start:
        raise DataError(f"{path}: cut short within its header of {start} bytes")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", ndim, 4))
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - start != expected:
        raise DataError(
            f"{path}: has {len(content) - start} bytes of data where its header, "
            f"shape {shape}, promises {expected}"
        )
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))
