"""Convolution and pooling on CuPy: in pieces, and captured into a graph."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import cuda_device
import gpubp
from backends.plugins import plugin
from gpubp import nn, random
from gpubp.core import tree

RNG = np.random.default_rng(0)


@pytest.fixture
def backend() -> Any:
    return plugin("cupy")


def test_windows_that_do_not_fit_one_piece(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = importlib.import_module("gpubp_cupy.kernels.convolution")
    x, weight = RNG.normal(size=(5, 2, 6, 7)), RNG.normal(size=(4, 1, 3, 2))

    def gradients(x: Any, weight: Any) -> Any:
        y, pullback = gpubp.vjp(lambda x, w: nn.convolution(x, w, groups=2, stride=2), x, weight)
        return [y, *pullback(y)]

    expected = gradients(x, weight)
    monkeypatch.setattr(kernels, "PIECE", 2 * 2 * 6 * 6 * 8)  # of two images
    found = gradients(backend.asarray(x), backend.asarray(weight))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(backend.to_numpy(a), b, rtol=1e-12, atol=1e-12)


def test_a_step_is_one_graph_that_the_host_does_not_wait_for(backend: Any) -> None:
    key = random.key(0, backend="numpy")
    model = nn.Sequential(
        [
            nn.Conv2d(2, 3, 3, padding=1, key=key),
            nn.relu,
            nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3, stride=2, key=key),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4, 3, key=key),
        ]
    )
    x, y = RNG.normal(size=(6, 2, 12, 12)), RNG.normal(size=(6, 3))
    host = tree.map(lambda a: a.astype(np.float32), (model, x, y))

    def loss(model: Any, x: Any, y: Any) -> Any:
        return gpubp.losses.mse(model(x), y)

    expected = tree.leaves(gpubp.value_and_grad(loss)(*host))
    arguments = tree.map(backend.asarray, host)
    step = gpubp.compile(gpubp.value_and_grad(loss))
    for call in range(4):
        if call == 3 and "emulated" in cuda_device.KIND:
            cudaemu = importlib.import_module("cudaemu")
            cudaemu.reset_counters()
            found = step(*arguments)
            counts = cudaemu.counters()
            assert counts["graph_launches"] == 1
            assert counts["synchronizations"] == 0
            assert counts["allocations"] == 0
        else:
            found = step(*arguments)
        for a, b in zip(tree.leaves(found), expected, strict=True):
            np.testing.assert_allclose(backend.to_numpy(a), b, rtol=2e-4, atol=1e-6)
