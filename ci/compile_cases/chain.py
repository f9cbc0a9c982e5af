"""The gradient of sixty element-wise operations in a row."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy as anp
import jax
import jax.numpy as jnp
import numpy as np
import torch

import gpubp
from compile_cases.case import (
    AUTOGRAD,
    EXPERT,
    JAX,
    TORCH,
    TORCH_COMPILE,
    Call,
    Case,
    compiled_both_ways,
)

ROUNDS = 20  # of three operations


def chain(xp: Any, x: Any) -> Any:
    for _ in range(ROUNDS):
        x = xp.tanh(x) * 1.5 + 0.1
    return xp.sum(x)


def chain_case(title: str, size: int) -> Case:
    x = np.linspace(-1, 1, size, dtype=np.float32)
    gradient = gpubp.grad(lambda x: chain(x.__array_namespace__(), x))
    return Case(
        title,
        {
            **compiled_both_ways(lambda run: lambda: run(x)[0], gradient),
            TORCH: _torch(x),
            TORCH_COMPILE: _torch(x, compiled=True),
            JAX: _jax(x),
            AUTOGRAD: _autograd(x),
            EXPERT: _by_hand(x),
        },
    )


def _torch(x: Any, compiled: bool = False) -> Call:
    leaf = torch.tensor(x, requires_grad=True)
    run = torch.compile(lambda x: chain(torch, x)) if compiled else lambda x: chain(torch, x)

    def call() -> Any:
        (found,) = torch.autograd.grad(run(leaf), leaf)
        return found[0]

    return call


def _jax(x: Any) -> Call:
    run = jax.jit(jax.grad(lambda x: chain(jnp, x)))
    given = jnp.asarray(x)
    return lambda: np.asarray(jax.block_until_ready(run(given)))[0]


def _autograd(x: Any) -> Call:
    run = autograd.grad(lambda x: chain(anp, x))
    return lambda: run(x)[0]


def _by_hand(x: Any) -> Call:
    tanhs = [np.empty_like(x) for _ in range(ROUNDS)]
    value, slope, work = np.empty_like(x), np.empty_like(x), np.empty_like(x)

    def call() -> Any:
        np.copyto(value, x)
        for t in tanhs:
            np.tanh(value, out=t)
            np.multiply(t, 1.5, out=value)
            np.add(value, 0.1, out=value)
        slope.fill(1)
        for t in reversed(tanhs):
            np.multiply(t, t, out=work)
            np.subtract(1.5, np.multiply(work, 1.5, out=work), out=work)
            np.multiply(slope, work, out=slope)
        return slope[0]

    return call
