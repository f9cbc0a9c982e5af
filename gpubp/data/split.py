"""Training and test examples, and the agreement between them."""

from __future__ import annotations

import numpy as np

from gpubp.data.dataset import Dataset
from gpubp.errors import DataError


def split(dataset: Dataset, test_fraction: float = 0.2, seed: int = 0) -> tuple[Dataset, Dataset]:
    """``dataset`` as training and test examples; the same seed gives the same split everywhere.

    Every class gives the same fraction of its examples (to the nearest whole one), and a class
    with a single example stays in training. Raises DataError where nothing is left to test with.

    >>> train, test = split(Dataset([[0.0]] * 10, [0, 1] * 5), test_fraction=0.2)
    >>> len(train), len(test), test.classes
    (8, 2, array([0, 1]))
    """
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(dataset), bool)
    for label in dataset.classes:
        members = rng.permutation(np.flatnonzero(dataset.labels == label))
        count = min(round(test_fraction * len(members)), len(members) - 1)
        chosen[members[:count]] = True
    if not chosen.any():
        raise DataError(
            f"{dataset.source}: {len(dataset)} examples of {len(dataset.classes)} classes are too "
            f"few to keep {test_fraction:g} of each class for testing"
        )
    return dataset[~chosen], dataset[chosen]


def check_pair(train: Dataset, test: Dataset) -> None:
    """Raise DataError unless a model trained on ``train`` can be judged by ``test``.

    That is: two classes or more in ``train``, examples of one shape, no class in ``test`` alone.

    >>> import numpy as np
    >>> train = Dataset(np.zeros((4, 2)), np.asarray([0, 1, 0, 1]))
    >>> check_pair(train, Dataset(np.zeros((1, 2)), np.asarray([1])))
    """
    if len(train.classes) < 2:
        raise DataError(
            f"{train.source}: {train.y_name} holds the single class {train.classes[0]}; "
            "a classifier needs two"
        )
    if train.shape != test.shape:
        raise DataError(
            f"{test.source}: {test.x_name} has examples of shape {test.shape}, "
            f"but {train.x_name} of shape {train.shape}"
        )
    encode(test, train.classes, f"{train.y_name} lacks")


def encode(dataset: Dataset, classes: np.ndarray, lacks: str = "the model lacks") -> np.ndarray:
    """Each label's position in ``classes``, shape (examples,); DataError for one outside them.

    >>> import numpy as np
    >>> encode(Dataset(np.zeros((3, 2)), np.asarray([7, 2, 7])), np.asarray([2, 5, 7]))
    array([2, 0, 2])
    """
    unknown = np.setdiff1d(dataset.classes, classes)
    if unknown.size:
        names = ", ".join(map(str, unknown[:5])) + ", ..." * (unknown.size > 5)
        noun = "class" if unknown.size == 1 else "classes"
        raise DataError(f"{dataset.source}: {dataset.y_name} has {noun} {names}, which {lacks}")
    return np.searchsorted(classes, dataset.labels)
