"""The gradient of a small convolution network with respect to its weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import gpubp
from compile_cases.case import JAX, TORCH, TORCH_COMPILE, Call, Case, compiled_both_ways
from gpubp import losses, nn

BATCH, SIDE, CHANNELS = 32, 28, (1, 8, 16)


def convolution_case(title: str) -> Case:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, CHANNELS[0], SIDE, SIDE)).astype(np.float32)
    y = rng.integers(0, 10, BATCH)
    keys = gpubp.random.split(gpubp.random.key(0, backend="numpy"), 3)
    model = nn.Sequential(
        [
            nn.Conv2d(CHANNELS[0], CHANNELS[1], 3, padding="same", key=keys[0], dtype="float32"),
            nn.relu,
            nn.MaxPool2d(2),
            nn.Conv2d(CHANNELS[1], CHANNELS[2], 3, padding="same", key=keys[1], dtype="float32"),
            nn.relu,
            nn.MaxPool2d(2),
            lambda h: h.__array_namespace__().reshape(h, (BATCH, -1)),
            nn.Linear(CHANNELS[2] * (SIDE // 4) ** 2, 10, key=keys[2], dtype="float32"),
        ]
    )
    leaves = [np.asarray(a) for a in gpubp.tree.leaves(model)]

    def loss(model: Any, x: Any, y: Any) -> Any:
        return losses.cross_entropy(model(x), y)

    def make(run: Any) -> Call:
        return lambda: float(run(model, x, y)[0])

    return Case(
        title,
        {
            **compiled_both_ways(make, gpubp.value_and_grad(loss)),
            TORCH: _torch(leaves, x, y),
            TORCH_COMPILE: _torch(leaves, x, y, compiled=True),
            JAX: _jax(leaves, x, y),
        },
    )


def _torch(leaves: list[Any], x: Any, y: Any, compiled: bool = False) -> Call:
    F = torch.nn.functional
    weights = [torch.tensor(a, requires_grad=True) for a in leaves]
    given, labels = torch.tensor(x), torch.tensor(y)

    def loss(w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        h = F.max_pool2d(F.relu(F.conv2d(given, w1, b1, padding=1)), 2)
        h = F.max_pool2d(F.relu(F.conv2d(h, w2, b2, padding=1)), 2)
        return F.cross_entropy(h.reshape(BATCH, -1) @ w3.T + b3, labels)

    run = torch.compile(loss) if compiled else loss

    def call() -> float:
        value = run(*weights)
        torch.autograd.grad(value, weights)
        return float(value.detach())

    return call


def _jax(leaves: list[Any], x: Any, y: Any) -> Call:
    def layer(h: Any, w: Any, b: Any) -> Any:
        h = jax.lax.conv(h, w, (1, 1), "SAME") + b[:, None, None]
        window = (1, 1, 2, 2)
        return jax.lax.reduce_window(jax.nn.relu(h), -jnp.inf, jax.lax.max, window, window, "VALID")

    def loss(weights: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = weights
        h = layer(layer(x, w1, b1), w2, b2)
        logits = jax.nn.log_softmax(h.reshape(BATCH, -1) @ w3.T + b3)
        return -jnp.mean(jnp.take_along_axis(logits, y[:, None], axis=1))

    run = jax.jit(jax.value_and_grad(loss))
    given = jax.tree.map(jnp.asarray, (leaves, x, y))
    return lambda: float(jax.block_until_ready(run(*given))[0])
