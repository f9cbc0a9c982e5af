"""Examples with their labels, checked once, where they come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpubp.errors import DataError


@dataclass(frozen=True)
class Dataset:
    """Examples and, where they are known, their labels, as NumPy arrays on the host.

    ``x`` has shape (examples, features), (examples, height, width) or
    (examples, channels, height, width), and ``y`` shape (examples,) with an integer per example,
    or is None. ``source`` is the file (or name) that errors mention; ``x_name`` and ``y_name`` are
    what that file calls the two arrays. Raises DataError where the arrays don't fit that.

    >>> points = Dataset([[0.0, 1.0], [2.0, 3.0]], [7, 9], source="points")
    >>> len(points), points.shape, points.classes
    (2, (2,), array([7, 9]))
    """

    x: np.ndarray
    y: np.ndarray | None = None
    source: str = "data"
    x_name: str = "x"
    y_name: str = "y"

    def __post_init__(self) -> None:
        x = check_examples(np.asarray(self.x), f"{self.source}: {self.x_name}")
        object.__setattr__(self, "x", x)
        if self.y is not None:
            y = check_labels(np.asarray(self.y), f"{self.source}: {self.y_name}")
            if len(y) != len(x):
                raise DataError(
                    f"{self.source}: {self.y_name} has {len(y)} labels "
                    f"for the {len(x)} examples of {self.x_name}"
                )
            object.__setattr__(self, "y", y)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.x.shape[1:]

    @property
    def labels(self) -> np.ndarray:
        """The labels, shape (examples,); DataError where the data set has none."""
        if self.y is None:
            raise DataError(
                f"{self.source}: no labels for {self.x_name}; each example needs a whole number, "
                f"its class, in {self.y_name}"
            )
        return self.y

    @property
    def classes(self) -> np.ndarray:
        """The labels that occur, each once, in increasing order."""
        return np.unique(self.labels)

    def __getitem__(self, index: np.ndarray | slice) -> Dataset:
        """The examples at ``index`` (a slice, a mask or integers) with their labels."""
        y = None if self.y is None else self.y[index]
        return Dataset(self.x[index], y, self.source, self.x_name, self.y_name)


def check_examples(x: np.ndarray, where: str) -> np.ndarray:
    """``x`` if it holds at least one example of finite real numbers; DataError otherwise."""
    if x.dtype.kind not in "buif":
        raise DataError(f"{where} has dtype {x.dtype}; examples must be real numbers")
    if not 2 <= x.ndim <= 4:
        raise DataError(
            f"{where} has shape {x.shape}; examples must have shape (examples, features), "
            "(examples, height, width) or (examples, channels, height, width)"
        )
    if x.size == 0:
        raise DataError(f"{where} is empty: its shape is {x.shape}")
    if x.dtype.kind == "f":
        finite = np.isfinite(x)
        if not finite.all():
            first = np.unravel_index(np.argmin(finite), x.shape)
            count = x.size - int(np.count_nonzero(finite))
            index = ", ".join(str(int(i)) for i in first)
            raise DataError(
                f"{where}[{index}] is {x[first]}: {count} of {x.size} values are not finite; "
                "remove those examples or fill the values in"
            )
    return x


def check_labels(y: np.ndarray, where: str) -> np.ndarray:
    """``y`` as int64 if it holds one integer per example; DataError otherwise."""
    if y.ndim != 1:
        remedy = "; take the argmax over the classes" if y.ndim == 2 and y.shape[1] > 1 else ""
        raise DataError(f"{where} has shape {y.shape}; labels must have shape (examples,){remedy}")
    if y.size == 0:
        raise DataError(f"{where} is empty: its shape is {y.shape}")
    if y.dtype.kind not in "bui":
        raise DataError(f"{where} has dtype {y.dtype}; labels must be integers, one per class")
    if y.dtype.kind == "u" and y.max() > np.iinfo(np.int64).max:
        raise DataError(f"{where} holds {y.max()}; labels must fit in 64 bits with a sign")
    return y.astype(np.int64)
