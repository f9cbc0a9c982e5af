"""Micro-batches: the whole batch's loss and gradient, or a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gpubp
from batching.test_chunks import narrow
from gpubp import batching

X = np.random.default_rng(0).normal(size=(10, 6))
PARAMS = {"w": np.random.default_rng(1).normal(size=(6, 4)), "b": np.zeros(4)}


def loss(params: Any, x: Any, reduce: str = "mean") -> Any:
    xp = x.__array_namespace__()
    return getattr(xp, reduce)(xp.tanh(x @ params["w"] + params["b"]) ** 2)


def same(found: Any, wanted: Any, library: Any) -> None:
    for a, b in zip(gpubp.tree.leaves(found), gpubp.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(library.to_numpy(a), library.to_numpy(b), rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("chunk_size", [3, 10, None, "auto"])
def test_is_the_whole_batch(reduction, chunk_size, library, monkeypatch):
    if chunk_size == "auto":
        narrow(monkeypatch, 1200)
    params = gpubp.tree.map(library.asarray, PARAMS)
    x = library.asarray(X)
    f = batching.value_and_grad(loss, reduction=reduction, chunk_size=chunk_size)
    whole = gpubp.value_and_grad(loss)(params, x, reduce=reduction)
    same(f(params, x, reduce=reduction), whole, library)
    if reduction == "mean":
        same(f(params, x), whole, library)


def contrast(params: Any, x: Any) -> Any:
    h = x @ params["w"]
    return np.mean(np.exp(-((h[:, None] - h[None, :]) ** 2)))


def normalised(params: Any, x: Any) -> Any:
    h = x @ params["w"]
    return np.mean(np.tanh((h - np.mean(h, axis=0)) / np.std(h, axis=0)) ** 3)


@pytest.mark.parametrize("mixing", [contrast, normalised])
def test_what_mixes_examples_is_refused(mixing):
    f = batching.value_and_grad(mixing, chunk_size=5)
    with pytest.raises(gpubp.errors.ExampleMixingError, match="GroupNorm"):
        f(PARAMS, X)
    whole = batching.value_and_grad(mixing)(PARAMS, X)  # fits, and so is not split
    assert whole[0] == gpubp.value_and_grad(mixing)(PARAMS, X)[0]


def test_batch_norm_is_refused():
    from gpubp import nn, random

    norm = nn.BatchNorm(6, rank=0, key=random.key(0, backend="numpy"), dtype="float64")

    def trained(norm: Any, x: Any) -> Any:
        return np.mean(norm(x, norm.initial_state(), training=True)[0] ** 3)

    with pytest.raises(gpubp.errors.ExampleMixingError, match="BatchNorm"):
        batching.value_and_grad(trained, chunk_size=5)(norm, X)


def test_the_wrong_reduction_is_refused():
    with pytest.raises(gpubp.errors.ExampleMixingError, match="the sum over their halves"):
        batching.value_and_grad(loss, reduction="sum", chunk_size=4)(PARAMS, X)
    with pytest.raises(gpubp.errors.ArgumentError, match="reduction='max'"):
        batching.value_and_grad(loss, reduction="max")
