"""Algebra: identities that hold for every number, NaN, the infinities and -0 among them.

Each row is a pattern and what it equals, with the identity beside it. A row whose result has
another shape or dtype than what it replaces is passed over, so that no row need speak of
promotion. Missing on purpose: ``x + 0 = x`` for floating-point numbers (-0 + 0 is 0; ``x - 0`` and
``x + -0`` are exact), ``x * 0 = 0`` (NaN, infinities), ``x / n = x * (1 / n)`` unless ``n`` is a
power of two (it would round twice). Only ``x^3`` rounds otherwise than libraries do, by less than
two units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gpubp.compiler.passes.patterns import Variable as Parameter
from gpubp.compiler.passes.patterns import array, call, number
from gpubp.compiler.passes.rewriting import Rule
from gpubp.core.namespace import dtype_kind
from gpubp.core.primitive import PRIMITIVES, Primitive
from gpubp.core.shapes import Shape
from gpubp.rules.elementwise import add, negative, square, subtract, where
from gpubp.rules.manipulation import broadcast_to_p, permute_dims_p, reshape_p
from gpubp.rules.statistical import reduced_shape, sum_p


def _power_of_two(n: Any) -> bool:
    return _finite(n) and abs(math.frexp(n)[0]) == 0.5 and 2**-99 < abs(n) < 2**99


def _finite(n: Any) -> bool:
    return math.isfinite(n) and n != 0


def _of(kind: str) -> Any:
    return array("x", lambda v: dtype_kind(v.abstract()) == kind)


x, y, a, b, c = map(array, "xyabc")
floats, integers, booleans = map(_of, "fib")
truth = array("c", lambda v: dtype_kind(v.abstract()) == "b")
finite = number("n", _finite)
nonzero = number("n", lambda n: n != 0 and not math.isnan(n))
two_to_the_k = number("n", _power_of_two)
either, other = Parameter("a"), Parameter("b")
shape, axes, first, axis, keepdims = map(Parameter, ("shape", "axes", "first", "axis", "keepdims"))


def _over_ones(x: Any, axis: Shape, keepdims: bool) -> Any:
    if any(x.shape[a] != 1 for a in axis):
        return None
    return reshape_p(x, shape=reduced_shape(x, axis, keepdims))


def _of_spread(reduce: Primitive, count: bool) -> Callable[..., Any]:
    """A reduction of ``x`` broadcast to ``shape``: of ``x``, times how often each element came."""

    def build(x: Any, shape: Shape, axis: Shape, keepdims: bool) -> Any:
        x = reshape_p(x, shape=(1,) * (len(shape) - len(x.shape)) + tuple(x.shape))
        spread = [a for a in axis if x.shape[a] != shape[a]]
        if not spread:
            return None
        y = reduce(x, axis=axis, keepdims=keepdims)
        if count:
            y = y * float(math.prod(shape[a] for a in spread))
        kept = tuple(
            1 if a in axis else n for a, n in enumerate(shape) if keepdims or a not in axis
        )
        return broadcast_to_p(y, shape=kept)

    return build


# fmt: off
ARITHMETIC = (
    Rule(call("multiply", x, 1), lambda x: x),                                  # x * 1 = x
    Rule(call("multiply", 1, x), lambda x: x),                                  # 1 * x = x
    Rule(call("multiply", floats, -1), lambda x: negative(x)),                  # x * -1 = -x
    Rule(call("multiply", -1, floats), lambda x: negative(x)),                  # -1 * x = -x
    Rule(call("multiply", call("negative", floats), finite), lambda x, n: x * -n),  # -x n
    Rule(call("multiply", finite, call("negative", floats)), lambda x, n: x * -n),  # n (-x)
    Rule(call("divide", x, 1), lambda x: x),                                    # x / 1 = x
    Rule(call("divide", floats, two_to_the_k), lambda x, n: x * (1 / n)),       # x / 2^k = x 2^-k
    Rule(call("subtract", x, 0), lambda x: x),                                  # x - 0 = x
    Rule(call("add", x, -0.0), lambda x: x),                                    # x + -0 = x
    Rule(call("add", integers, 0), lambda x: x),                                # i + 0 = i
    Rule(call("add", 0, integers), lambda x: x),                                # 0 + i = i
    Rule(call("add", x, call("negative", y)), lambda x, y: subtract(x, y)),     # x + -y = x - y
    Rule(call("add", call("negative", x), y), lambda x, y: subtract(y, x)),     # -x + y = y - x
    Rule(call("subtract", x, call("negative", y)), lambda x, y: add(x, y)),     # x - -y = x + y
    Rule(call("negative", call("negative", x)), lambda x: x),                   # -(-x) = x
    Rule(call("positive", x), lambda x: x),                                     # +x = x
    Rule(call("pow", x, 1), lambda x: x),                                       # x^1 = x
    Rule(call("pow", x, 2), lambda x: square(x)),                               # x^2 = x x
    Rule(call("pow", floats, 3), lambda x: square(x) * x),                      # x^3 = (x x) x
)
# These say that 0 times anything is 0: with a finite number there is nothing to say, but for the
# sign of a zero, which no derivative promises.
NO_NAN = (
    Rule(call("multiply_no_nan", floats, finite), lambda x, n: x * n),          # x n
    Rule(call("multiply_no_nan", finite, floats), lambda x, n: n * x),          # n x
    Rule(call("divide_no_nan", floats, nonzero), lambda x, n: x / n),           # x / n
    Rule(call("divide_no_nan", nonzero, floats), lambda x, n: n / x),           # n / x
)
CHOICE = (
    Rule(call("where", c, a, a), lambda a: a),                                  # c ? a : a = a
    Rule(call("where", call("logical_not", truth), either, other),
         lambda a, b, c: where(c, b, a)),                                # !c ? a : b = c ? b : a
    Rule(call("logical_not", call("logical_not", booleans)), lambda x: x),      # !!c = c
    Rule(call("maximum", x, x), lambda x: x),                                   # max(x, x) = x
    Rule(call("minimum", x, x), lambda x: x),                                   # min(x, x) = x
)
VIEWS = (
    Rule(call("reshape", call("reshape", x), shape=shape),
         lambda x, shape: reshape_p(x, shape=shape)),                    # the last shape counts
    Rule(call("broadcast_to", call("broadcast_to", x), shape=shape),
         lambda x, shape: broadcast_to_p(x, shape=shape)),               # the last shape counts
    Rule(call("permute_dims", call("permute_dims", x, axes=first), axes=axes),
         lambda x, first, axes: permute_dims_p(x, axes=tuple(first[i] for i in axes))),  # p q
    Rule(call("permute_dims", x, axes=Parameter("axes", lambda axes: list(axes) == sorted(axes))),
         lambda x: x),                                                   # every axis in its place
)
# What changes nothing; where it does, the result is unlike the argument and the row passed over.
IDENTITIES = tuple(
    Rule(call(name, x), lambda x: x)
    for name in ("astype", "astype_discrete", "broadcast_to", "real", "reshape", "stop_gradient")
)
REDUCTIONS = (
    *(Rule(call(name, x, axis=axis, keepdims=keepdims),
           _over_ones)                                                   # sum of one element = it
      for name in ("sum", "max", "min", "prod")),
    Rule(call("sum", call("broadcast_to", floats, shape=shape), axis=axis, keepdims=keepdims),
         _of_spread(sum_p, count=True)),                                 # x + ... + x = n x
    *(Rule(call(name, call("broadcast_to", floats, shape=shape), axis=axis, keepdims=keepdims),
           _of_spread(PRIMITIVES[name], count=False))                   # max(x, x) = x
      for name in ("max", "min")),
)
# fmt: on

RULES = (*ARITHMETIC, *NO_NAN, *CHOICE, *VIEWS, *IDENTITIES, *REDUCTIONS)
