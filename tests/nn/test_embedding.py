"""Embedding: rows of a table, and the gradient that adds up in them."""

from __future__ import annotations

import numpy as np
import pytest

import gpubp
from gpubp import errors, nn, random
from gpubp.core import tree
from libraries import Library

TABLE = nn.Embedding(7, 3, key=random.key(0, backend="numpy"), dtype=np.float64)
INDICES = np.asarray([[0, 2, 2], [6, 0, 1]])


def test_rows(library: Library) -> None:
    layer = tree.map(library.asarray, TABLE)
    for indices in (INDICES, INDICES[0], INDICES[0, 1]):
        rows = library.to_numpy(layer(library.asarray(np.asarray(indices))))
        np.testing.assert_array_equal(rows, TABLE.weight[indices])


def test_gradient_adds_up_over_repeated_indices(library: Library) -> None:
    weights = np.random.default_rng(0).normal(size=(2, 3, 3))
    expected = np.zeros((7, 3))
    np.add.at(expected, INDICES, weights)
    found = gpubp.grad(lambda layer, i, w: (layer(i) * w).__array_namespace__().sum(layer(i) * w))(
        tree.map(library.asarray, TABLE), library.asarray(INDICES), library.asarray(weights)
    )
    np.testing.assert_allclose(library.to_numpy(found.weight), expected, rtol=1e-14)


def test_under_vmap() -> None:
    np.testing.assert_array_equal(gpubp.vmap(TABLE)(INDICES), TABLE(INDICES))


def test_indices_are_integers() -> None:
    with pytest.raises(errors.ArgumentTypeError, match="Embedding: indices has dtype float64"):
        TABLE(np.asarray([1.0]))
