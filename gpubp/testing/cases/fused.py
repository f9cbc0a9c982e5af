"""What layers and losses are made of: each beside the same in plain functions of the standard."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import array_api_compat

import gpubp
from gpubp import losses, nn
from gpubp.nn.activations import biased
from gpubp.rules.fused.attention import attention_p
from gpubp.testing.cases.draw import distinct, fixed, integers, reals
from gpubp.testing.cases.row import Entry, Row, case, row


def either(ours: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """``ours(*args)`` of traced arrays, ``plain(xp, *args)`` of a library's own."""

    def call(xp: Any, *args: Any) -> Any:
        traced = any(isinstance(a, gpubp.Array) for a in args)
        return ours(*args) if traced else plain(xp, *args)

    return call


def logarithms(xp: Any, x: Any, axis: int) -> Any:
    return x - xp.log(xp.sum(xp.exp(x), axis=axis, keepdims=True))


def attention(label: str, *shapes: Any, causal: bool = False, mask: Any = None) -> Entry:
    """Queries, keys and values; the blockwise algorithm, which the layer takes for longer ones."""

    def ours(*args: Any) -> Any:
        return attention_p(*args, causal=causal)

    def plain(xp: Any, q: Any, k: Any, v: Any, *mask: Any) -> Any:
        scores = xp.matmul(q, xp.matrix_transpose(k)) / math.sqrt(q.shape[-1])
        if causal:
            ones = xp.ones(scores.shape[-2:], dtype=scores.dtype, device=array_api_compat.device(q))
            scores = xp.where(xp.tril(ones) > 0, scores, -1e30)
        for m in mask:
            scores = xp.where(m, scores, -1e30)
        powers = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
        total = xp.sum(powers, axis=-1, keepdims=True)
        top = xp.max(scores, axis=-1)
        return xp.matmul(powers / total, v), top + xp.log(xp.sum(powers, axis=-1))

    masks = [] if mask is None else [fixed(mask)]
    return case(label, either(ours, plain), *[reals(*shape) for shape in shapes], *masks)


def linear(function: Callable[..., Any], plain: Callable[..., Any]) -> list[Entry]:
    """An activation after a bias, as a layer has it."""

    def ours(x: Any, bias: Any) -> Any:
        return biased(function, x, bias)

    call = either(ours, lambda xp, x, bias: plain(xp, x + bias))
    name = function.__name__
    return [
        case(f"{name}, matrix", call, distinct(2, 3), fixed([0.05, -0.05, 0.02])),
        case(f"{name}, images", call, distinct(2, 2, 2), fixed([[[0.05]], [[-0.05]]])),
        case(f"{name}, empty", call, distinct(0, 2), fixed([0.05, 0.5])),
    ]


def cross_entropy(label: str, shape: tuple[int, ...], axis: int, smoothing: float = 0.0) -> Entry:
    def ours(x: Any, target: Any) -> Any:
        return losses.cross_entropy(x, target, axis=axis, label_smoothing=smoothing, reduction=None)

    def plain(xp: Any, x: Any, target: Any) -> Any:
        logs = logarithms(xp, x, axis)
        index = xp.expand_dims(target, axis=axis)
        chosen = xp.squeeze(xp.take_along_axis(logs, index, axis=axis), axis=axis)
        return -(1 - smoothing) * chosen - smoothing * xp.mean(logs, axis=axis)

    axis %= len(shape)
    targets = integers(*shape[:axis], *shape[axis + 1 :], high=shape[axis])
    return case(label, either(ours, plain), reals(*shape), targets)


def dropout(label: str, *shape: int) -> Entry:
    """With a key of its own for each example under vmap; the words are those of ``bernoulli``."""
    rate = 0.4

    def ours(x: Any, key: Any) -> Any:
        return nn.Dropout(rate)(x, key=key)

    def plain(xp: Any, x: Any, key: Any) -> Any:
        kept = gpubp.random.bernoulli(key, 1 - rate, x.shape)
        return xp.where(kept, x / (1 - rate), xp.zeros_like(x))

    return case(label, either(ours, plain), reals(*shape), integers(2, high=2**32))


def layer_norm(label: str, shape: tuple[int, ...], last: int) -> Entry:
    layer = nn.LayerNorm(shape[len(shape) - last :], affine=False, epsilon=0.01)

    def plain(xp: Any, x: Any) -> Any:
        axes = tuple(range(-last, 0))
        centred = x - xp.mean(x, axis=axes, keepdims=True)
        return centred / xp.sqrt(xp.mean(centred * centred, axis=axes, keepdims=True) + 0.01)

    return case(label, either(layer, plain), reals(*shape))


def softmax(label: str, shape: tuple[int, ...], axis: int) -> Entry:
    def plain(xp: Any, x: Any) -> Any:
        return xp.exp(logarithms(xp, x, axis))

    return case(label, either(lambda x: nn.softmax(x, axis), plain), reals(*shape))


ROWS: list[Row] = [
    row(
        "nn.Linear",
        *linear(nn.relu, lambda xp, z: xp.where(z > 0, z, xp.zeros_like(z))),
        *linear(nn.tanh, lambda xp, z: xp.tanh(z)),
        *linear(nn.sigmoid, lambda xp, z: 1 / (1 + xp.exp(-z))),
        *linear(nn.silu, lambda xp, z: z / (1 + xp.exp(-z))),
        *linear(nn.gelu, lambda xp, z: z * gpubp.special.ndtr(z)),
    ),
    row(
        "nn.dot_product_attention",
        attention("one", (3, 2), (4, 2), (4, 3)),
        attention("several", (2, 3, 2), (2, 4, 2), (2, 4, 1)),
        attention("causal", (3, 2), (3, 2), (3, 2), causal=True),
        attention(
            "mask", (2, 2, 2), (2, 3, 2), (2, 3, 2), mask=[[True, False, True], [False, True, True]]
        ),
        attention("masked keys", (3, 2), (2, 2), (2, 2), mask=[[True, False]]),
    ),
    row(
        "losses.cross_entropy",
        cross_entropy("vector", (4,), -1),
        cross_entropy("matrix", (3, 4), -1),
        cross_entropy("smoothing", (3, 4), -1, 0.3),
        cross_entropy("axis", (2, 4, 3), 1),
        cross_entropy("no example", (0, 4), -1),
    ),
    row("nn.Dropout", dropout("vector", 5), dropout("matrix", 3, 2), dropout("empty", 0, 2)),
    row(
        "nn.LayerNorm",
        layer_norm("vector", (4,), 1),
        layer_norm("matrix", (3, 4), 1),
        layer_norm("last two axes", (2, 3, 2), 2),
        layer_norm("no example", (0, 4), 1),
    ),
    row(
        "nn.softmax",
        softmax("vector", (4,), -1),
        softmax("axis", (3, 4, 2), 1),
        softmax("no example", (0, 4), -1),
        case(
            "masked",
            either(nn.softmax, lambda xp, x: xp.exp(x) / xp.sum(xp.exp(x), axis=-1, keepdims=True)),
            fixed([[0.5, -1e9, 1.0], [-1e9, 0.0, -1e9]]),
        ),
    ),
]
