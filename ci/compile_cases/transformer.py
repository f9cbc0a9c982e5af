"""The gradient of a transformer block with respect to its weights."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import gpubp
from compile_cases.case import JAX, TORCH, TORCH_COMPILE, Call, Case, compiled_both_ways

BATCH, LENGTH, WIDTH, HEADS = 8, 64, 128, 4
INNER = 4 * WIDTH
SHAPES = {
    "qkv": (WIDTH, 3 * WIDTH), "out": (WIDTH, WIDTH), "up": (WIDTH, INNER), "down": (INNER, WIDTH),
    "scale1": (WIDTH,), "shift1": (WIDTH,), "scale2": (WIDTH,), "shift2": (WIDTH,),
}  # fmt: skip


def _normalise(xp: Any, x: Any, scale: Any, shift: Any, axis: dict[str, Any]) -> Any:
    centred = x - xp.mean(x, **axis)
    return centred / xp.sqrt(xp.mean(centred * centred, **axis) + 1e-5) * scale + shift


def block(xp: Any, p: dict[str, Any], x: Any, axis: dict[str, Any], permute: Any) -> Any:
    """Mean square of what a block with a head start of normalisation gives."""
    h = _normalise(xp, x, p["scale1"], p["shift1"], axis) @ p["qkv"]
    h = xp.reshape(h, (BATCH, LENGTH, 3, HEADS, WIDTH // HEADS))
    h = permute(h, (2, 0, 3, 1, 4))
    q, k, v = h[0, ...], h[1, ...], h[2, ...]
    scores = q @ permute(k, (0, 1, 3, 2)) * (1 / math.sqrt(WIDTH // HEADS))
    weights = xp.exp(scores - xp.log(xp.sum(xp.exp(scores), **axis)))
    mixed = xp.reshape(permute(weights @ v, (0, 2, 1, 3)), (BATCH, LENGTH, WIDTH))
    x = x + mixed @ p["out"]
    h = _normalise(xp, x, p["scale2"], p["shift2"], axis) @ p["up"]
    h = h * (1 / (1 + xp.exp(-1.702 * h)))  # GELU by a sigmoid, the same in every library
    x = x + h @ p["down"]
    return xp.mean(x * x)


def transformer_case(title: str) -> Case:
    rng = np.random.default_rng(0)
    p = {
        name: (rng.standard_normal(shape) / math.sqrt(shape[0])).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    x = rng.standard_normal((BATCH, LENGTH, WIDTH)).astype(np.float32)
    kept = {"axis": -1, "keepdims": True}

    def ours(p: dict[str, Any], x: Any) -> Any:
        xp = x.__array_namespace__()
        return block(xp, p, x, kept, xp.permute_dims)

    def make(run: Any) -> Call:
        return lambda: float(run(p, x)[0])

    return Case(
        title,
        {
            **compiled_both_ways(make, gpubp.value_and_grad(ours)),
            TORCH: _torch(p, x),
            TORCH_COMPILE: _torch(p, x, compiled=True),
            JAX: _jax(p, x),
        },
    )


def _torch(p: dict[str, Any], x: Any, compiled: bool = False) -> Call:
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in p.items()}
    given = torch.tensor(x)

    def loss(p: dict[str, Any], x: Any) -> Any:
        return block(torch, p, x, {"dim": -1, "keepdim": True}, torch.permute)

    run = torch.compile(loss) if compiled else loss

    def call() -> float:
        value = run(leaves, given)
        torch.autograd.grad(value, list(leaves.values()))
        return float(value.detach())

    return call


def _jax(p: dict[str, Any], x: Any) -> Call:
    kept = {"axis": -1, "keepdims": True}
    run = jax.jit(jax.value_and_grad(lambda p, x: block(jnp, p, x, kept, jnp.transpose)))
    given = jax.tree.map(jnp.asarray, (p, x))
    return lambda: float(jax.block_until_ready(run(*given))[0])
