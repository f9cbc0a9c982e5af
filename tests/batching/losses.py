"""Losses of one example by name: each with parameters, a batch, and what its routes must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

BATCH = 6


@dataclass(frozen=True)
class Case:
    """``loss(xp, params, *example)``; ``made`` are paths whose gradients have to be made."""

    loss: Callable[..., Any]
    params: Any
    batch: tuple[Any, ...]
    made: tuple[str, ...] = ()


def _draw(*shape: int) -> np.ndarray:
    return np.random.default_rng([7, *shape]).normal(size=shape)


def _labels(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng([8, *shape]).integers(0, count, size=shape)


def _mlp(xp, p, x, y):
    h = xp.tanh(x @ p["w1"] + p["b1"])
    z = p["w2"] @ h + p["b2"]
    return xp.log(xp.sum(xp.exp(z))) - z[y]


def _sequence(xp, p, x):
    h = xp.tanh((x @ p["w"]) * p["scale"] + p["b"])
    return xp.sum((h @ xp.matrix_transpose(p["v"])) ** 3)


def _tied(xp, p, tokens):
    h = xp.tanh(xp.take(p["table"], tokens, axis=0) @ p["w"])
    z = h @ p["table"].T
    return xp.sum(xp.log(xp.sum(xp.exp(z), axis=-1)) - xp.take(z, xp.asarray([1]), axis=1)[:, 0])


def _bag(xp, p, tokens):
    return xp.sum(xp.tanh(xp.take(p, tokens, axis=0)) ** 2)


def _recurrent(xp, p, x):
    h = xp.zeros(4)
    for t in range(x.shape[0]):
        h = xp.tanh(p["in"] @ x[t, :] + p["h"].T @ h)
    return xp.sum(h * h)


def _flat(xp, p, x):
    """Both layers out of one vector of parameters, as samplers and solvers have them."""
    w = xp.reshape(p[:20], (5, 4))
    return xp.sum(xp.tanh(x @ w + p[20:24]) * p[24:])


def _stacked(xp, p, x):
    for i in range(3):
        x = xp.tanh(p["w"][i, ...] @ x + p["b"][i, ...])
    return xp.sum(x)


def _heads(xp, p, x):
    """One matrix for each head."""
    return xp.sum(xp.tanh(xp.matmul(xp.broadcast_to(x, (3, *x.shape)), p)))


def _untouched(xp, p, x):
    return xp.sum(x @ p["w"])


def _weight_norm(xp, p, x):
    w = p["v"] / xp.sqrt(xp.sum(p["v"] ** 2, axis=0)) * p["g"]
    return xp.sum(xp.tanh(x @ w))


def _twice_seen(xp, p, x):
    """Two views with elements in common."""
    return xp.sum(xp.tanh(x @ p)) + xp.sum(xp.tanh(x[:3] @ p[:3, :]))


def _inner_gradient(xp, p, x):
    """Forces: the loss differentiates by its example first."""
    import gpubp

    force = gpubp.grad(lambda r: xp.sum(xp.tanh(r @ p["w"])))(x)
    return xp.sum(force * force)


def _inner_vmap(xp, p, x):
    import gpubp

    return xp.sum(gpubp.vmap(lambda row: xp.tanh(row @ p))(x) ** 2)


def _checkpointed(xp, p, x):
    import gpubp

    return xp.sum(gpubp.checkpoint(lambda p, x: xp.tanh(x @ p["w"] + p["b"]))(p, x))


def _convolutions(xp, p, x):
    """Many windows and few weights, then the other way round; groups, strides and padding."""
    from gpubp.nn.convolution import convolution, convolution_transpose

    h = xp.tanh(convolution(x, p["w"], padding=1, groups=2) + p["b"])
    h = convolution(h, p["v"], stride=3, padding="same")
    return xp.sum(convolution_transpose(h, p["u"]) ** 2)


def _shared_kernel(xp, p, x):
    from gpubp.nn.convolution import convolution

    return xp.sum(convolution(xp.tanh(convolution(x, p, padding=1)), p, padding=1) ** 2)


def _layers(xp, p, x):
    """Attention, normalisation and a convolution of the library's own."""
    block, norm, conv = p
    h = norm(x + block(x, causal=True))
    return xp.sum(xp.tanh(conv(h)))


def _made_layers() -> Any:
    from gpubp import nn, random

    keys = random.split(random.key(3, backend="numpy"), 2)
    block = nn.MultiHeadAttention(6, heads=2, key=keys[0], dtype="float64")
    norm = nn.LayerNorm(6, key=keys[0], dtype="float64")
    return block, norm, nn.Conv1d(5, 4, 3, key=keys[1], dtype="float64")


_W = {"w": _draw(5, 4)}
CASES = {
    "mlp": Case(
        _mlp,
        {"w1": _draw(5, 4), "b1": _draw(4), "w2": _draw(3, 4), "b2": _draw(3)},
        (_draw(BATCH, 5), _labels(3, BATCH)),
    ),
    "long sequence": Case(
        _sequence,
        {"w": _draw(5, 4), "scale": _draw(4), "b": _draw(4), "v": _draw(20, 4)},
        (_draw(BATCH, 9, 5),),
    ),
    "short sequence": Case(
        _sequence,
        {"w": _draw(16, 18), "scale": _draw(18), "b": _draw(18), "v": _draw(20, 18)},
        (_draw(BATCH, 2, 16),),
    ),
    "tied weights": Case(_tied, {"table": _draw(9, 4), "w": _draw(4, 4)}, (_labels(9, BATCH, 7),)),
    "embedding": Case(_bag, _draw(5, 3), (_labels(5, BATCH, 8) - 5,)),
    "recurrent": Case(_recurrent, {"in": _draw(4, 5), "h": _draw(4, 4)}, (_draw(BATCH, 3, 5),)),
    "flat parameters": Case(_flat, _draw(28), (_draw(BATCH, 5),)),
    "stacked layers": Case(_stacked, {"w": _draw(3, 5, 5), "b": _draw(3, 5)}, (_draw(BATCH, 5),)),
    "heads": Case(_heads, _draw(3, 5, 4), (_draw(BATCH, 7, 5),)),
    "untouched": Case(_untouched, {"w": _draw(5, 4), "v": _draw(2)}, (_draw(BATCH, 5),)),
    "weight norm": Case(
        _weight_norm, {"v": _draw(5, 4), "g": _draw(4)}, (_draw(BATCH, 5),), made=("v", "g")
    ),
    "views that overlap": Case(_twice_seen, _draw(5, 4), (_draw(BATCH, 5),), made=("",)),
    "inner gradient": Case(_inner_gradient, _W, (_draw(BATCH, 5),)),
    "inner vmap": Case(_inner_vmap, _draw(5, 4), (_draw(BATCH, 3, 5),)),
    "convolutions": Case(
        _convolutions,
        {
            "w": _draw(4, 1, 3, 3),
            "b": _draw(4, 1, 1),
            "v": _draw(30, 4, 3, 3),
            "u": _draw(30, 2, 2, 2),
        },
        (_draw(BATCH, 2, 5, 5),),
    ),
    "shared kernel": Case(_shared_kernel, _draw(2, 2, 3), (_draw(BATCH, 2, 7),)),
    "layers": Case(_layers, _made_layers(), (_draw(BATCH, 5, 6),)),
    "checkpoint": Case(_checkpointed, {**_W, "b": _draw(4)}, (_draw(BATCH, 5),)),
    "complex": Case(
        lambda xp, p, x: xp.sum(xp.abs(x @ p) ** 2),
        _draw(5, 4) + 1j * _draw(4, 5).T,
        (_draw(BATCH, 3, 5),),
    ),
}
