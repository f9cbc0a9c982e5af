"""The data of a run: training and test examples as the network takes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from gpubp import data
from gpubp.data import Dataset, Standardizer
from gpubp.errors import DataError
from gpubp.train.config import Config


@dataclass(frozen=True)
class Task:
    """What to learn: examples standardised, labels as positions in ``classes``.

    ``shape`` is that of one example as the data has it; ``fingerprint`` tells one data set from
    another.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    shape: tuple[int, ...]
    classes: np.ndarray
    standardize: Standardizer
    fingerprint: str


def load_task(config: Config) -> Task:
    """Load, check, split and standardise; DataError names the file and the field."""
    train, test = data.load(config.data, config.label_column)
    fingerprint = _fingerprint(train, test)
    if test is None:
        train, test = data.split(train, config.test_fraction, config.seed)
    data.check_pair(train, test)
    classes = train.classes
    with np.errstate(over="ignore", invalid="ignore"):  # network_input reports it, by name
        standardize = Standardizer.fit(train.x)
    return Task(
        network_input(config, train, standardize),
        data.encode(train, classes),
        network_input(config, test, standardize),
        data.encode(test, classes),
        train.shape,
        classes,
        standardize,
        fingerprint,
    )


def network_input(config: Config, examples: Dataset, standardize: Standardizer) -> np.ndarray:
    """The standardised examples: flat for mlp, (examples, channels, height, width) for cnn."""
    with np.errstate(over="ignore", invalid="ignore"):
        x = standardize(examples.x, config.dtype)
    if not (np.isfinite(x).all() and np.isfinite(standardize.scale).all()):
        raise DataError(
            f"{examples.source}: {examples.x_name} holds numbers too large for {config.dtype}; "
            "scale them down"
        )
    if config.model == "mlp":
        return x.reshape(len(x), -1)
    if x.ndim == 2:
        raise DataError(
            f"{examples.source}: {examples.x_name} holds {x.shape[1]} numbers per example, but cnn "
            "needs images; store them with shape (examples, height, width), or use --model mlp"
        )
    return x[:, None] if x.ndim == 3 else x


def _fingerprint(train: Dataset, test: Dataset | None) -> str:
    digest = hashlib.sha256()
    for part in (train, test):
        if part is not None:
            for array in (part.x, part.labels):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
