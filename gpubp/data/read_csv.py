"""CSV files: one example a line, numbers separated by commas, a header or none."""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path

import numpy as np

from gpubp.data.dataset import Dataset
from gpubp.errors import DataError

_LABEL_NAMES = ("label", "labels", "class", "target", "y")


def read_csv(path: Path, label_column: str = "auto", features: int | None = None) -> Dataset:
    """The examples of a CSV file.

    ``label_column`` is a column's name, its number from 0 (-1 is the last), or "auto": the column
    that the header calls label, labels, class, target or y, else the last one. A file with exactly
    ``features`` columns holds no labels. Raises DataError, naming the file, line and column.
    """
    header, skip = _header(path)
    table = _numbers(path, header, skip)
    width = table.shape[1]
    if width == features:
        return Dataset(table, None, str(path), "the table")
    if width == 1:
        raise DataError(
            f"{path}: has a single column; write features and label on one line, between commas"
        )
    column = _label_column(path, header, width, label_column)
    name = _name(header, column)
    labels = table[:, column]
    for fits, remedy in (
        (labels == np.round(labels), "labels must be whole numbers, one per class"),
        (np.abs(labels) < 2**53, "labels must be below 2**53"),
    ):
        if not fits.all():
            bad = labels[np.argmin(fits)]
            raise DataError(f"{path}: {name} holds {bad:g}; {remedy}")
    x = np.delete(table, column, axis=1)
    return Dataset(x, labels.astype(np.int64), str(path), "the table", name)


def _header(path: Path) -> tuple[list[str] | None, int]:
    """The header, if the first line is one, and how many lines come before the numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            first = next((row for row in rows if row), None)
            if first is None:
                raise DataError(f"{path}: empty file")
            # A header has no number in it; one odd cell among numbers is a fault, found below.
            if any(_number(cell) is not None for cell in first):
                return None, 0
            return [cell.strip() for cell in first], rows.line_num
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file in UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file ({error})") from error


def _numbers(path: Path, header: list[str] | None, skip: int) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # loadtxt warns of empty input; it is an error here
            table = np.loadtxt(
                path,
                delimiter=",",
                skiprows=skip,
                ndmin=2,
                comments=None,
                quotechar='"',
                encoding="utf-8-sig",
            )
    except ValueError as error:  # includes UnicodeDecodeError
        raise _fault(path, header, skip, str(error)) from error
    if table.size == 0:
        raise DataError(f"{path}: no examples below the header")
    if (header and len(header) != table.shape[1]) or not np.isfinite(table).all():
        raise _fault(path, header, skip, "can't be read")
    return table


def _fault(path: Path, header: list[str] | None, skip: int, otherwise: str) -> DataError:
    """Where the file goes wrong: read again, slowly, because loadtxt doesn't name the column."""
    width = len(header) if header else None
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for _ in range(skip):
                next(file)
            rows = csv.reader(file)
            for row in rows:
                if not row:
                    continue
                line = skip + rows.line_num
                width = width or len(row)
                if len(row) != width:
                    return DataError(
                        f"{path}: line {line} has {len(row)} values, not {width} as above it"
                    )
                for column, cell in enumerate(row):
                    number = _number(cell)
                    if number is None or not math.isfinite(number):
                        remedy = ""
                        if width == 1 and (";" in cell or "\t" in cell):
                            remedy = "; separate the columns by commas"
                        elif number is None and cell.strip():
                            remedy = "; write classes and categories as whole numbers"
                        return DataError(
                            f"{path}: line {line}, {_name(header, column)}: "
                            f"expected a finite number, got {cell.strip()!r}{remedy}"
                        )
    except UnicodeDecodeError:
        return DataError(f"{path}: not a text file in UTF-8")
    except csv.Error as error:
        return DataError(f"{path}: not a CSV file ({error})")
    return DataError(f"{path}: {otherwise}")


def _label_column(path: Path, header: list[str] | None, width: int, wanted: str) -> int:
    if header and wanted in header:
        return header.index(wanted)
    if wanted == "auto":
        named = [i for i, name in enumerate(header or ()) if name.lower() in _LABEL_NAMES]
        if len(named) > 1:
            names = " and ".join(_name(header, i) for i in named)
            raise DataError(f"{path}: {names} may both be the label; name it with --label-column")
        return named[0] if named else width - 1
    try:
        column = int(wanted)
        if -width <= column < width:
            return column % width
        has = f"it has {width}, counted from 0"
    except ValueError:
        has = f"it has {', '.join(header[:8])}{', ...' * (width > 8)}" if header else "no header"
    raise DataError(f"{path}: no label column {wanted!r} ({has})")


def _name(header: list[str] | None, column: int) -> str:
    return f"column '{header[column]}'" if header else f"column {column}"


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
