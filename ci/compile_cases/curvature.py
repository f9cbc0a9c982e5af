"""Hessians, Hessian-vector products and Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import gpubp
from compile_cases.case import (
    EXPERT,
    JAX,
    TORCH,
    Call,
    Case,
    compiled_both_ways,
)

EXAMPLES, WEIGHTS, WIDTH = 256, 20, 64


def _data() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((EXAMPLES, WEIGHTS)).astype(np.float32)
    return x, np.sign(x[:, 0]), (rng.standard_normal(WEIGHTS) / 4).astype(np.float32)


def logistic(xp: Any, w: Any, x: Any, y: Any) -> Any:
    """Mean logistic loss."""
    return xp.mean(xp.log(1 + xp.exp(-y * (x @ w))))


def hessian_case(title: str) -> Case:
    x, y, w = _data()
    ours = gpubp.hessian(lambda w, x, y: logistic(w.__array_namespace__(), w, x, y))

    def by_hand() -> Any:
        p = 1 / (1 + np.exp(-y * (x @ w)))
        return ((x * (p * (1 - p) / len(y))[:, None]).T @ x)[0, 0]

    theirs = torch.func.hessian(lambda w, x, y: logistic(torch, w, x, y))
    return Case(
        title,
        {
            **compiled_both_ways(lambda run: lambda: run(w, x, y)[0, 0], ours),
            TORCH: _torch(theirs, w, x, y),
            JAX: _jax(jax.hessian(lambda w, x, y: logistic(jnp, w, x, y)), w, x, y),
            EXPERT: by_hand,
        },
    )


def hvp_case(title: str) -> Case:
    x, y, w = _data()
    v = np.ones_like(w)

    def ours(w: Any, v: Any, x: Any, y: Any) -> Any:
        return gpubp.hvp(lambda w: logistic(w.__array_namespace__(), w, x, y), (w,), (v,))

    def theirs(w: Any, v: Any, x: Any, y: Any) -> Any:
        gradient = torch.func.grad(lambda w: logistic(torch, w, x, y))
        return torch.func.jvp(gradient, (w,), (v,))[1]

    def jaxs(w: Any, v: Any, x: Any, y: Any) -> Any:
        return jax.jvp(jax.grad(lambda w: logistic(jnp, w, x, y)), (w,), (v,))[1]

    def by_hand() -> Any:
        p = 1 / (1 + np.exp(-y * (x @ w)))
        return (x.T @ (p * (1 - p) / len(y) * (x @ v)))[0]

    return Case(
        title,
        {
            **compiled_both_ways(lambda run: lambda: run(w, v, x, y)[0], ours),
            TORCH: _torch(theirs, w, v, x, y),
            JAX: _jax(jaxs, w, v, x, y),
            EXPERT: by_hand,
        },
    )


def jacobian_case(title: str) -> Case:
    rng = np.random.default_rng(0)
    a, b = (
        (rng.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)).astype(np.float32) for _ in range(2)
    )
    x = rng.standard_normal(WIDTH).astype(np.float32)

    def layers(xp: Any) -> Callable[..., Any]:
        return lambda x, a, b: xp.tanh(b @ xp.tanh(a @ x))

    def by_hand() -> Any:
        h = np.tanh(a @ x)
        y = np.tanh(b @ h)
        return (((1 - y * y)[:, None] * b) @ ((1 - h * h)[:, None] * a))[0, 0]

    return Case(
        title,
        {
            **compiled_both_ways(
                lambda run: lambda: run(x, a, b)[0, 0], gpubp.jacobian(layers(np))
            ),
            TORCH: _torch(torch.func.jacrev(layers(torch)), x, a, b),
            JAX: _jax(jax.jacrev(layers(jnp)), x, a, b),
            EXPERT: by_hand,
        },
    )


def _first(x: Any) -> Any:
    return x[(0,) * x.ndim]


def _torch(f: Callable[..., Any], *args: Any) -> Call:
    given = [torch.tensor(a) for a in args]
    return lambda: _first(f(*given))


def _jax(f: Callable[..., Any], *args: Any) -> Call:
    run = jax.jit(f)
    given = [jnp.asarray(a) for a in args]
    return lambda: np.asarray(_first(np.asarray(jax.block_until_ready(run(*given)))))
