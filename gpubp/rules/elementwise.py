"""Element-wise functions, in the standard's order: a row is a function and its partials.

A partial is the linear map ``t -> d * t``, and names what else it needs: the result ``y``, the
argument ``x`` of a function of one, ``a`` and ``b`` of a function of two. Nothing else is kept for
the way back. Partials that can be infinite go through ``multiply_no_nan`` and
``divide_no_nan``, so that a zero tangent or cotangent stays zero: that is what makes
``where(x > 0, log(x), 0)`` differentiable at 0. Ties in ``maximum`` are shared equally.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import Any

from gpubp.core.abstract import SCALARS, ShapeDtype
from gpubp.core.array import copied
from gpubp.core.namespace import dtype_kind, namespace_of
from gpubp.core.primitive import Needed, Primitive, Tangents
from gpubp.core.registry import FUNCTIONS, function
from gpubp.rules.families import Elementwise, full_like, result_dtype, to_array

# fmt: off
multiply_no_nan = Elementwise(  # a * b, and 0 where either is 0 whatever the other is
    "multiply_no_nan",
    lambda t, b: multiply_no_nan(t, b),
    lambda t, a: multiply_no_nan(t, a),
    reference=lambda xp, a, b: xp.where((a == 0) | (b == 0), 0.0, a * b), public=False)
divide_no_nan = Elementwise(  # a / b, and 0 where a is 0 whatever b is
    "divide_no_nan",
    lambda t, b: divide_no_nan(t, b),
    lambda t, y, b: -divide_no_nan(multiply_no_nan(t, y), b),
    reference=lambda xp, a, b: xp.where(a == 0, 0.0, a / b), public=False)

acos = Elementwise("acos", lambda t, x: divide_no_nan(-t, sqrt(1 - x * x)))
acosh = Elementwise("acosh", lambda t, x: divide_no_nan(t, sqrt(x - 1) * sqrt(x + 1)))
add = Elementwise("add", lambda t: t, lambda t: t)
asin = Elementwise("asin", lambda t, x: divide_no_nan(t, sqrt(1 - x * x)))
asinh = Elementwise("asinh", lambda t, x: divide_no_nan(t, sqrt(x * x + 1)))
atan = Elementwise("atan", lambda t, x: divide_no_nan(t, 1 + x * x))
atan2 = Elementwise(
    "atan2",
    lambda t, a, b: divide_no_nan(t * b, a * a + b * b),
    lambda t, a, b: divide_no_nan(-t * a, a * a + b * b))
atanh = Elementwise("atanh", lambda t, x: divide_no_nan(t, 1 - x * x))
copysign = Elementwise(
    "copysign", lambda t, y, a, b: where(signbit(a) == signbit(to_array(b, y)), t, -t), None)
cos = Elementwise("cos", lambda t, x: -multiply_no_nan(t, sin(x)))
cosh = Elementwise("cosh", lambda t, x: multiply_no_nan(t, sinh(x)))
divide = Elementwise(
    "divide",
    lambda t, b: _over(t, b),
    lambda t, y, b: -divide_no_nan(multiply_no_nan(t, y), b))
exp = Elementwise("exp", lambda t, y: multiply_no_nan(t, y))
expm1 = Elementwise("expm1", lambda t, x: multiply_no_nan(t, exp(x)))
hypot = Elementwise(
    "hypot",
    lambda t, y, a: divide_no_nan(t * a, y),
    lambda t, y, b: divide_no_nan(t * b, y))
log = Elementwise("log", lambda t, x: divide_no_nan(t, x))
log1p = Elementwise("log1p", lambda t, x: divide_no_nan(t, 1 + x))
log2 = Elementwise("log2", lambda t, x: divide_no_nan(t, x * math.log(2)))
log10 = Elementwise("log10", lambda t, x: divide_no_nan(t, x * math.log(10)))
logaddexp_real = Elementwise(
    "logaddexp",
    lambda t, y, a: t * exp(a - where(y == -math.inf, 0.0, y)),
    lambda t, y, b: t * exp(b - where(y == -math.inf, 0.0, y)), public=False)
maximum = Elementwise(
    "maximum",
    lambda t, a, b: _share(t, a > b, a == b),
    lambda t, a, b: _share(t, b > a, a == b))
minimum = Elementwise(
    "minimum",
    lambda t, a, b: _share(t, a < b, a == b),
    lambda t, a, b: _share(t, b < a, a == b))
multiply = Elementwise(
    "multiply", lambda t, b: _times(t, b), lambda t, a: _times(t, a))
negative = Elementwise("negative", lambda t: -t)
nextafter = Elementwise("nextafter", lambda t: t, None)
positive = Elementwise("positive", lambda t: t)
pow = Elementwise(
    "pow",
    lambda t, a, b: _times_power_slope(t, a, b),
    lambda t, y, a: multiply_no_nan(t, y * _log_of_base(a, y)))
reciprocal = Elementwise(
    "reciprocal", lambda t, y: -multiply_no_nan(multiply_no_nan(t, y), y))
remainder = Elementwise(
    "remainder", lambda t: t, lambda t, a, b: -t * floor_divide(a, b))
sin = Elementwise("sin", lambda t, x: t * cos(x))
sinh = Elementwise("sinh", lambda t, x: multiply_no_nan(t, cosh(x)))
sqrt = Elementwise("sqrt", lambda t, y: divide_no_nan(t, 2 * y))
square = Elementwise("square", lambda t, x: multiply_no_nan(t, 2 * x))
subtract = Elementwise("subtract", lambda t: t, lambda t: -t)
tan = Elementwise("tan", lambda t, y: multiply_no_nan(t, 1 + y * y))
tanh = Elementwise("tanh", lambda t, y: t * (1 - y * y))
where = Elementwise(
    "where", None, lambda t, c: where(c, t, 0.0), lambda t, c: where(c, 0.0, t))

# sqrt with slope 0 at 0: the root in norms and standard deviations, whose minimum is there.
norm_root = Elementwise(
    "norm_root",
    lambda t, y: where(y == 0, 0.0, t) / where(y == 0, 1.0, 2 * y),
    reference=lambda xp, x: xp.sqrt(x), public=False)
# fmt: on

# Piecewise constant, or not numeric: no partials.
# fmt: off
bitwise_and = Elementwise("bitwise_and", None, None)
bitwise_invert = Elementwise("bitwise_invert", None)
bitwise_left_shift = Elementwise("bitwise_left_shift", None, None)
bitwise_or = Elementwise("bitwise_or", None, None)
bitwise_right_shift = Elementwise("bitwise_right_shift", None, None)
bitwise_xor = Elementwise("bitwise_xor", None, None)
ceil = Elementwise("ceil", None)
equal = Elementwise("equal", None, None)
floor = Elementwise("floor", None)
floor_divide = Elementwise("floor_divide", None, None)
greater = Elementwise("greater", None, None)
greater_equal = Elementwise("greater_equal", None, None)
isfinite = Elementwise("isfinite", None)
isinf = Elementwise("isinf", None)
isnan = Elementwise("isnan", None)
less = Elementwise("less", None, None)
less_equal = Elementwise("less_equal", None, None)
logical_and = Elementwise("logical_and", None, None)
logical_not = Elementwise("logical_not", None)
logical_or = Elementwise("logical_or", None, None)
logical_xor = Elementwise("logical_xor", None, None)
not_equal = Elementwise("not_equal", None, None)
round = Elementwise("round", None)
signbit = Elementwise("signbit", None)
trunc = Elementwise("trunc", None)
sign_real = Elementwise("sign_real", None, reference=lambda xp, x: xp.sign(x), public=False)
# fmt: on


def _share(t: Any, wins: Any, ties: Any) -> Any:
    return where(ties, t / 2, where(wins, t, 0.0))


def _times(t: Any, d: Any) -> Any:
    harmless = type(d) in SCALARS and cmath.isfinite(d) and d != 0
    return t * d if harmless else multiply_no_nan(t, d)


def _over(t: Any, d: Any) -> Any:
    return t / d if type(d) in SCALARS and d != 0 else divide_no_nan(t, d)


def _log_of_base(a: Any, power: Any) -> Any:
    """``log(a)``, and 0 for 0 unless its power is infinite."""
    a = to_array(a, power)
    return log(where(logical_and(a == 0, isfinite(power)), 1.0, a))


def _times_power_slope(t: Any, a: Any, b: Any) -> Any:
    if hasattr(b, "dtype"):
        return multiply_no_nan(t, where(b == 0, 0.0, b * a ** where(b == 0, 1, b - 1)))
    if type(b) is not complex and b < 1:  # infinite at 0: as a quotient, no library warns
        return divide_no_nan(t * b, a ** (1 - b))
    return multiply_no_nan(t, 2 * a if b == 2 else b * a ** (b - 1))


class _RealLinear(Primitive):
    """Functions of a complex array that are linear over the reals only."""

    def __init__(self, name: str, forward: Any, transpose: Any) -> None:
        super().__init__(name)
        self.forward = forward
        self.transpose = transpose

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        (x,) = args
        return ShapeDtype(x.shape, result_dtype(self, args, params), namespace_of(x))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return self.forward(tangents[0], y, *args)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        return [self.transpose(ct, y, *args)]

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self(*args), True


def _as(ct: Any, x: Any) -> Any:
    return FUNCTIONS["astype"](ct, x.dtype)


def _phase(x: Any, size: Any) -> Any:
    """``x / |x|``; at 0 it is 0, and so are all its derivatives."""
    zero = size == 0
    return where(zero, 0.0, x) / where(zero, 1.0, size)


# The transposes are those under the pairing Re(sum(ct * t)), as in JAX.
abs_complex = _RealLinear(
    "abs",
    lambda t, y, x: real(t * _phase(conj(x), y)),
    lambda ct, y, x: _as(ct, x) * _phase(conj(x), y),
)
conj = _RealLinear("conj", lambda t, y, x: conj(t), lambda ct, y, x: conj(ct))
imag = _RealLinear("imag", lambda t, y, x: imag(t), lambda ct, y, x: _as(ct, x) * -1j)
real = _RealLinear("real", lambda t, y, x: real(t), lambda ct, y, x: _as(ct, x))
abs_real = Elementwise(
    "abs_real",
    lambda t, x: multiply_no_nan(t, sign(x)),
    reference=lambda xp, x: xp.abs(x),
    public=False,
)


@function
def abs(x: Any, /) -> Any:
    """Absolute value; its derivative at 0 is 0."""
    return abs_complex(x) if dtype_kind(x) == "c" else abs_real(x)


@function
def logaddexp(x1: Any, x2: Any, /) -> Any:
    """``log(exp(x1) + exp(x2))``, which cannot overflow; of complex numbers too."""
    if "c" not in (dtype_kind(x1), dtype_kind(x2)):
        return logaddexp_real(x1, x2)
    x1, x2 = to_array(x1, x2), to_array(x2, x1)
    first = greater_equal(FUNCTIONS["real"](x1), FUNCTIONS["real"](x2))
    high, low = where(first, x1, x2), where(first, x2, x1)
    return high + log1p(exp(low - high))


@function
def sign(x: Any, /) -> Any:
    """Sign of a real number, ``x / |x|`` of a complex one; 0 at 0."""
    return _phase(x, abs_complex(x)) if dtype_kind(x) == "c" else sign_real(x)


@function
def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """``x`` limited to ``[min, max]``; at an edge the derivative is shared with the bound."""
    if min is not None:
        x = maximum(x, min)
    if max is not None:
        x = minimum(x, max)
    return copied(x) if min is max is None else x


for _f, _real in ((conj, copied), (real, lambda x: x), (imag, lambda x: full_like(x, 0))):

    def _of_any(x: Any, /, _f: Any = _f, _real: Any = _real) -> Any:
        return _f(x) if dtype_kind(x) == "c" else _real(x)

    _of_any.__name__ = _f.name
    function(_of_any)
