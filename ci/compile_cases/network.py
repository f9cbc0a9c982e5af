"""Training steps of networks: softmax cross-entropy and Adam."""

from __future__ import annotations

import itertools
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
    PRODUCTS,
    TORCH,
    TORCH_COMPILE,
    Call,
    Case,
    compiled_both_ways,
)
from gpubp import losses, optim

RATE, B1, B2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
Layers = list[tuple[Any, Any]]


def network_case(title: str, batch: int, *sizes: int) -> Case:
    """``sizes`` are the widths from the input on; hidden layers are tanh."""
    rng = np.random.default_rng(0)
    params: Layers = [
        ((rng.standard_normal((m, n)) / np.sqrt(m)).astype(np.float32), np.zeros(n, np.float32))
        for m, n in itertools.pairwise(sizes)
    ]
    x = rng.standard_normal((batch, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], batch)
    return Case(
        title,
        {
            **_ours(params, x, y),
            TORCH: _torch(params, x, y),
            TORCH_COMPILE: _torch(params, x, y, compiled=True),
            JAX: _jax(params, x, y),
            AUTOGRAD: _autograd(params, x, y),
            EXPERT: _by_hand(params, x, y),
            PRODUCTS: _products(params, x),
        },
    )


def _copy(params: Layers) -> Layers:
    return [(w.copy(), b.copy()) for w, b in params]


def _forward(xp: Any, params: Layers, x: Any) -> Any:
    for w, b in params[:-1]:
        x = xp.tanh(x @ w + b)
    w, b = params[-1]
    return x @ w + b


def _ours(params: Layers, x: Any, y: Any) -> dict[str, Call]:
    optimiser = optim.adam(RATE, b1=B1, b2=B2, epsilon=EPSILON)

    def step(params: Layers, state: Any, x: Any, y: Any) -> Any:
        def loss(params: Layers) -> Any:
            return losses.cross_entropy(_forward(x.__array_namespace__(), params, x), y)

        value, grads = gpubp.value_and_grad(loss)(params)
        updates, state = optimiser.update(grads, state, params)
        params = [(w + dw, b + db) for (w, b), (dw, db) in zip(params, updates, strict=True)]
        return params, state, value

    def make(run: Any) -> Call:
        state: list[Any] = [_copy(params), optimiser.init(params)]

        def call() -> float:
            state[0], state[1], value = run(state[0], state[1], x, y)
            return float(value)

        return call

    return compiled_both_ways(make, step, donate=(0, 1))


def _torch(params: Layers, x: Any, y: Any, compiled: bool = False) -> Call:
    leaves = [torch.tensor(a, requires_grad=True) for layer in params for a in layer]
    optimiser = torch.optim.Adam(leaves, RATE, (B1, B2), EPSILON)
    inputs, labels = torch.tensor(x), torch.tensor(y)

    def loss() -> Any:
        layers = list(zip(leaves[::2], leaves[1::2], strict=True))
        return torch.nn.functional.cross_entropy(_forward(torch, layers, inputs), labels)

    def step() -> Any:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
        return value

    run = torch.compile(step) if compiled else step
    return lambda: float(run().detach())


def _jax(params: Layers, x: Any, y: Any) -> Call:
    def loss(params: Layers, x: Any, y: Any) -> Any:
        logits = jax.nn.log_softmax(_forward(jnp, params, x))
        return -jnp.mean(jnp.take_along_axis(logits, y[:, None], axis=1))

    def step(state: Any, x: Any, y: Any) -> Any:
        params, means, squares, count = state
        value, grads = jax.value_and_grad(loss)(params, x, y)
        count += 1
        means = jax.tree.map(lambda m, g: B1 * m + (1 - B1) * g, means, grads)
        squares = jax.tree.map(lambda v, g: B2 * v + (1 - B2) * g * g, squares, grads)
        c1, c2 = 1 - B1**count, 1 - B2**count
        params = jax.tree.map(
            lambda p, m, v: p - RATE * (m / c1) / (jnp.sqrt(v / c2) + EPSILON),
            params, means, squares,
        )  # fmt: skip
        return (params, means, squares, count), value

    zeros = jax.tree.map(np.zeros_like, params)
    state = [jax.tree.map(jnp.asarray, (params, zeros, zeros, np.float32(0)))]
    run = jax.jit(step, donate_argnums=0)
    inputs, labels = jnp.asarray(x), jnp.asarray(y)

    def call() -> float:
        state[0], value = run(state[0], inputs, labels)
        return float(jax.block_until_ready(value))

    return call


def _autograd(params: Layers, x: Any, y: Any) -> Call:
    rows = np.arange(len(y))

    def loss(params: Layers) -> Any:
        logits = _forward(anp, params, x)
        shifted = logits - anp.max(logits, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(shifted), axis=1)) - shifted[rows, y])

    gradient = autograd.value_and_grad(loss)
    state = _Adam(params)

    def call() -> float:
        value, grads = gradient(state.params)
        state.update([g for layer in grads for g in layer])
        return float(value)

    return call


class _Adam:
    """As one writes it by hand, in place."""

    def __init__(self, params: Layers) -> None:
        self.params = _copy(params)
        self.leaves = [a for layer in self.params for a in layer]
        self.means = [np.zeros_like(a) for a in self.leaves]
        self.squares = [np.zeros_like(a) for a in self.leaves]
        self.work = [np.empty_like(a) for a in self.leaves]
        self.count = 0

    def update(self, grads: list[Any]) -> None:
        self.count += 1
        c1, c2 = 1 - B1**self.count, 1 - B2**self.count
        rate, epsilon = RATE * np.sqrt(c2) / c1, EPSILON * np.sqrt(c2)
        rows = (self.leaves, self.means, self.squares, self.work, grads)
        for p, m, v, t, g in zip(*rows, strict=True):
            m *= B1
            np.multiply(g, 1 - B1, out=t)
            m += t
            v *= B2
            np.multiply(g, g, out=t)
            t *= 1 - B2
            v += t
            np.sqrt(v, out=t)
            t += epsilon
            np.divide(m, t, out=t)
            t *= rate
            p -= t


def _by_hand(params: Layers, x: Any, y: Any) -> Call:
    state = _Adam(params)
    rows = np.arange(len(y))
    layers = state.params
    outputs = [np.empty((len(x), w.shape[1]), np.float32) for w, _ in layers]
    deltas = [np.empty_like(a) for a in outputs]
    grads = [np.empty_like(a) for a in state.leaves]

    def call() -> float:
        h = x
        for (w, b), out in zip(layers, outputs, strict=True):
            np.matmul(h, w, out=out)
            out += b
            if out is not outputs[-1]:
                np.tanh(out, out=out)
            h = out
        h -= h.max(axis=1, keepdims=True)
        chosen = h[rows, y]
        delta = deltas[-1]
        np.exp(h, out=delta)
        sums = delta.sum(axis=1, keepdims=True)
        value = (np.log(sums)[:, 0] - chosen).mean()
        delta /= sums * len(x)
        delta[rows, y] -= 1 / len(x)
        for n in range(len(layers) - 1, -1, -1):
            below = outputs[n - 1] if n else x
            np.matmul(below.T, deltas[n], out=grads[2 * n])
            np.sum(deltas[n], axis=0, out=grads[2 * n + 1])
            if n:
                np.matmul(deltas[n], layers[n][0].T, out=deltas[n - 1])
                below *= below
                np.subtract(1, below, out=below)
                deltas[n - 1] *= below
        state.update(grads)
        return float(value)

    return call


def _products(params: Layers, x: Any) -> Call:
    layers = [w for w, _ in params]
    outputs = [np.zeros((len(x), w.shape[1]), np.float32) for w in layers]
    grads = [np.empty_like(w) for w in layers]
    deltas = [np.zeros_like(a) for a in (x, *outputs)]

    def call() -> None:
        h = x
        for w, out in zip(layers, outputs, strict=True):
            h = np.matmul(h, w, out=out)
        for n in range(len(layers) - 1, -1, -1):
            np.matmul((outputs[n - 1] if n else x).T, deltas[n + 1], out=grads[n])
            if n:
                np.matmul(deltas[n + 1], layers[n].T, out=deltas[n])

    return call
