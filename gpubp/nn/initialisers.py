"""Initial values of parameters: functions ``(key, shape, dtype) -> array``.

``dtype`` may be a name; None is the default of the key's library. An array of keys makes as many
arrays, stacked: layers made from it are an ensemble, to be called under ``vmap``.

A weight's shape is ``(out, in, *kernel)``: its fan-in is the number of inputs that one output
sums over, its fan-out the number of outputs that one input reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from gpubp import random
from gpubp.core import array_namespace
from gpubp.errors import ShapeError
from gpubp.random.arguments import checked_real
from gpubp.typing import Array

Initialiser: TypeAlias = Callable[[Any, tuple[int, ...], Any], Array]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan-in and fan-out of a weight of this shape.

    Raises :class:`~gpubp.errors.ShapeError` for fewer than two axes.

    >>> fans((8, 3, 5, 5))
    (75, 200)
    """
    if len(shape) < 2:
        raise ShapeError(
            f"fans: shape {shape} has no fan-in; a weight's shape is (out, in, *kernel). "
            "Remedy: take uniform_within or constant for vectors."
        )
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


def constant(value: float) -> Initialiser:
    """Every element is ``value``.

    >>> from gpubp import random
    >>> constant(0.5)(random.key(0, backend="numpy"), (2,), None).tolist()
    [0.5, 0.5]
    """

    def initialise(key: Any, shape: tuple[int, ...], dtype: Any) -> Array:
        # Nothing is drawn: the key says where the array lives, and how many of them there are.
        xp, real = array_namespace(key), checked_real("constant", key, dtype)
        return xp.full((*key.shape[:-1], *shape), value, dtype=real.dtype, device=key.device)

    return initialise


zeros = constant(0.0)
ones = constant(1.0)


def normal(deviation: float = 1.0) -> Initialiser:
    """Normal with mean 0 and this standard deviation.

    >>> from gpubp import random
    >>> normal(0.1)(random.key(0, backend="numpy"), (2, 3), None).shape
    (2, 3)
    """

    def initialise(key: Any, shape: tuple[int, ...], dtype: Any) -> Array:
        return deviation * random.normal(key, shape, dtype=dtype)

    return initialise


def uniform_within(bound: float) -> Initialiser:
    """Uniform between ``-bound`` and ``bound``.

    >>> from gpubp import random
    >>> bool((abs(uniform_within(0.1)(random.key(0, backend="numpy"), (5,), None)) <= 0.1).all())
    True
    """

    def initialise(key: Any, shape: tuple[int, ...], dtype: Any) -> Array:
        return random.uniform(key, shape, dtype=dtype, minval=-bound, maxval=bound)

    return initialise


def variance_scaling(
    scale: float,
    fan: Literal["in", "out", "average"],
    distribution: Literal["normal", "uniform"],
) -> Initialiser:
    """Mean 0 and variance ``scale / fan``; the named initialisers below are cases of it.

    >>> from gpubp import random
    >>> variance_scaling(1.0, "in", "uniform")(random.key(0, backend="numpy"), (4, 9), None).shape
    (4, 9)
    """

    def initialise(key: Any, shape: tuple[int, ...], dtype: Any) -> Array:
        fan_in, fan_out = fans(shape)
        size = {"in": fan_in, "out": fan_out, "average": (fan_in + fan_out) / 2}[fan]
        variance = scale / max(size, 1)
        if distribution == "normal":
            return normal(math.sqrt(variance))(key, shape, dtype)
        return uniform_within(math.sqrt(3 * variance))(key, shape, dtype)

    return initialise


# Glorot and Bengio, AISTATS 2010; He et al., arXiv:1502.01852; LeCun et al., "Efficient BackProp".
glorot_uniform = variance_scaling(1.0, "average", "uniform")
glorot_normal = variance_scaling(1.0, "average", "normal")
he_uniform = variance_scaling(2.0, "in", "uniform")
he_normal = variance_scaling(2.0, "in", "normal")
lecun_uniform = variance_scaling(1.0, "in", "uniform")
lecun_normal = variance_scaling(1.0, "in", "normal")

# What layers take by default: uniform within 1 / sqrt(fan-in), as PyTorch and Equinox.
default_weight = variance_scaling(1 / 3, "in", "uniform")
