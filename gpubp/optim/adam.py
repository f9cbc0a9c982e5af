"""Adam."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError
from gpubp.optim.leafwise import leafwise
from gpubp.optim.learning_rate import Schedule, scale_by_learning_rate
from gpubp.optim.transformation import (
    GradientTransformation,
    advance,
    chain,
    zero_count,
    zeros_like_parameters,
)
from gpubp.typing import Array, Tree


class AdamState(NamedTuple):
    """Steps made, and the running means of the gradients and of their squares."""

    count: Array
    mean: Tree
    square: Tree


def scale_by_adam(
    b1: float = 0.9, b2: float = 0.999, epsilon: float = 1e-8
) -> GradientTransformation:
    """The mean gradient over the root of the mean square, both corrected for their start at zero.

    Algorithm 1 of Kingma and Ba, arXiv:1412.6980.
    Raises :class:`~gpubp.errors.ArgumentError` for arguments outside their range.

    >>> from gpubp import optim
    >>> optimiser = optim.chain(optim.scale_by_adam(), optim.scale_by_learning_rate(1e-3))
    """
    for name, value in (("b1", b1), ("b2", b2)):
        if not 0 < value < 1:
            raise ArgumentError(f"adam: {name} is {value}; it must be between 0 and 1.")
    if not epsilon > 0:
        raise ArgumentError(f"adam: epsilon is {epsilon}; it must be positive.")

    def init(params: Tree) -> AdamState:
        return AdamState(
            zero_count("adam", params),
            zeros_like_parameters(params),
            zeros_like_parameters(params),
        )

    def update(grads: Tree, state: AdamState, params: Tree | None = None) -> tuple[Tree, AdamState]:
        count = advance(state.count)

        @functools.cache
        def corrections(dtype: Any) -> tuple[Array, Array]:
            # 1 - b ** t by expm1: in float32 the power alone would round off most of it.
            xp = array_namespace(count)
            t = xp.astype(count, dtype)
            c1 = -xp.expm1(math.log(b1) * t)
            return c1 / xp.sqrt(-xp.expm1(math.log(b2) * t)), epsilon * c1

        def step(g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
            m = m + (1 - b1) * (g - m)
            v = b2 * v + (1 - b2) * g * g
            # (m / c1) / (sqrt(v / c2) + epsilon), the scalars taken together.
            slope, offset = corrections(g.dtype)
            return m / (slope * array_namespace(v).sqrt(v) + offset), m, v

        updates, mean, square = leafwise(
            *("adam", step, grads, state.mean, state.square),
            results=3,
            count=count,
            b1=b1,
            b2=b2,
            epsilon=epsilon,
        )
        return updates, AdamState(count, mean, square)

    return GradientTransformation(init, update)


def adam(
    learning_rate: float | Schedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    epsilon: float = 1e-8,
) -> GradientTransformation:
    """Adam (Kingma and Ba, arXiv:1412.6980): see :func:`scale_by_adam`.

    >>> from gpubp import optim
    >>> optimiser = optim.adam(optim.schedules.cosine_decay(1e-3, steps=1000))
    """
    return chain(scale_by_adam(b1, b2, epsilon), scale_by_learning_rate(learning_rate))
