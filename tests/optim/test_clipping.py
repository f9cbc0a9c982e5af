"""Clipping by the global norm, against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gpubp import errors, optim
from gpubp.core import tree
from libraries import Library

GRADS = {"w": np.asarray([[3.0, -1.0], [0.5, 2.0]]), "b": [np.asarray(4.0), None]}


def clipped(grads, max_norm: float):
    transformation = optim.clip_by_global_norm(max_norm)
    return transformation.update(grads, transformation.init(grads))[0]


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 5.0, 100.0])
def test_against_torch(max_norm: float, library: Library) -> None:
    reference = [torch.zeros(g.shape, dtype=torch.float64) for g in tree.leaves(GRADS)]
    for p, g in zip(reference, tree.leaves(GRADS), strict=True):
        p.grad = torch.tensor(g)
    norm = torch.nn.utils.clip_grad_norm_(reference, max_norm)
    grads = tree.map(library.asarray, GRADS)
    np.testing.assert_allclose(library.to_numpy(optim.global_norm(grads)), norm.item(), rtol=1e-14)
    for ours, p in zip(tree.leaves(clipped(grads, max_norm)), reference, strict=True):
        # PyTorch adds 1e-6 to the norm.
        np.testing.assert_allclose(library.to_numpy(ours), p.grad.numpy(), rtol=1e-5)


def test_below_the_limit_nothing_changes() -> None:
    for ours, given in zip(tree.leaves(clipped(GRADS, 100.0)), tree.leaves(GRADS), strict=True):
        np.testing.assert_array_equal(ours, given)


def test_zero_gradients_stay_zero() -> None:
    np.testing.assert_array_equal(clipped([np.zeros(3)], 1.0)[0], np.zeros(3))


def test_errors() -> None:
    with pytest.raises(errors.ArgumentError, match="max_norm is 0; it must be positive"):
        optim.clip_by_global_norm(0)
    with pytest.raises(errors.ArgumentError, match="global_norm: the tree holds no arrays"):
        optim.global_norm({"a": None})
