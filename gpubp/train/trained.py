"""A trained network, out of its run's folder and ready for new examples."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gpubp import data, nn, random
from gpubp.core.backend import Backend, get_backend
from gpubp.data import Dataset, Standardizer
from gpubp.errors import DataError
from gpubp.train.checkpoint import read_checkpoint
from gpubp.train.config import Config
from gpubp.train.folder import CHECKPOINT
from gpubp.train.network import build_network
from gpubp.train.run import stored_config
from gpubp.train.task import network_input

_BATCH = 1024


@dataclass(frozen=True)
class Predictions:
    """For each example its most probable label and that label's probability, (examples,) each."""

    label: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True)
class Trained:
    """A network with what it was trained on: examples of ``shape``, labels among ``classes``."""

    config: Config
    model: Any
    shape: tuple[int, ...]
    classes: np.ndarray
    standardize: Standardizer
    backend: Backend

    @property
    def features(self) -> int:
        """How many numbers an example has."""
        return math.prod(self.shape)

    def predict(self, examples: Dataset) -> Predictions:
        """What the network makes of ``examples``, whose labels, if any, it doesn't look at.

        Raises DataError for examples of another shape (rows of as many numbers will do for images)
        and for labels that no training example had.
        """
        if examples.shape == (self.features,):
            rows = examples.x.reshape(-1, *self.shape)
            examples = replace(examples, x=rows)
        if examples.shape != self.shape:
            raise DataError(
                f"{examples.source}: {examples.x_name} has examples of shape {examples.shape}, "
                f"but the network was trained on shape {self.shape}"
            )
        if examples.y is not None:
            data.encode(examples, self.classes)
        x = network_input(self.config, examples, self.standardize)
        labels, probabilities = [], []
        with self.backend.on():
            for (batch,) in data.batches(x, size=_BATCH, backend=self.backend):
                shares = self.backend.to_numpy(nn.softmax(self.model(batch)))
                labels.append(self.classes[shares.argmax(-1)])
                probabilities.append(shares.max(-1))
        return Predictions(np.concatenate(labels), np.concatenate(probabilities))


def load_trained(folder: str | os.PathLike[str], backend: str | None = None) -> Trained:
    """The trained network of the run in ``folder``, on ``backend`` (default: the run's setting).

    Raises RunError for a folder without a checkpoint. ``.predict(x)`` of the result takes examples
    as the file held them; ``.model`` is the network, a tree.

    >>> load_trained("runs/999")
    Traceback (most recent call last):
      ...
    gpubp.errors.RunError: runs/999/checkpoint.safetensors: no such file; is runs/999 the ...
    """
    checkpoint = read_checkpoint(Path(folder) / CHECKPOINT)
    config = stored_config(checkpoint)
    shape = tuple(checkpoint.fact("shape"))
    classes = checkpoint.array("classes")
    where = get_backend(backend or config.backend)
    with where.on():
        blank = build_network(config, shape, len(classes), random.key(0, backend=where))
    model = checkpoint.tree("state.model", blank, where)
    standardize = Standardizer(checkpoint.array("mean"), checkpoint.array("scale"))
    return Trained(config, model, shape, classes, standardize, where)
