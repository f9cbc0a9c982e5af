"""Random real numbers: uniform, normal and truncated normal."""

from __future__ import annotations

import math
from typing import Any

from gpubp.core.namespace import array_namespace, namespace_of
from gpubp.errors import ArgumentError
from gpubp.random.arguments import check_key, checked_real, checked_shape, is_number
from gpubp.rules.philox import random_bits


def uniform(
    key: Any, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0
) -> Any:
    """Real numbers in ``[minval, maxval)``, identical on every backend.

    In ``[0, 1)`` they are the multiples of ``2**-24`` (float32) or ``2**-53`` (float64), all
    equally likely.

    Args:
        key: a key; an array of keys gives ``key.shape[:-1] + shape``.
        shape: shape of the result.
        dtype: float32 or float64; None is the default of the key's library.
        minval: a number, or an array of ``dtype`` that broadcasts against the result.
        maxval: likewise; the result is differentiable with respect to both.

    Raises:
        ArgumentTypeError: (a TypeError) for what is no key, shape or real dtype.
        ArgumentError: (a ValueError) for a negative shape, or numbers ``minval >= maxval``.

    >>> import gpubp.random
    >>> uniform(gpubp.random.key(0, backend="numpy"), (3,), "float32")
    array([0.39904642, 0.88052016, 0.73571277], dtype=float32)
    """
    check_key("uniform", key)
    shape = checked_shape("uniform", shape)
    real = checked_real("uniform", key, dtype)
    xp = array_namespace(key, minval, maxval)
    bits = random_bits(key, shape=shape, nbits=real.digits)
    unit = xp.astype(bits, real.dtype) * 2.0**-real.digits
    if is_number(minval) and is_number(maxval):
        minval, maxval = float(minval), float(maxval)  # a NumPy scalar would not be weak
        if minval == 0.0 and maxval == 1.0:
            return unit
        _check_bounds(key, real.dtype, minval, maxval)
    value = unit * (maxval - minval) + minval
    # The sum may be rounded up to maxval, at worst once in 2**digits.
    return xp.where(value < maxval, value, minval)


def _check_bounds(key: Any, dtype: Any, minval: float, maxval: float) -> None:
    if not minval < maxval:
        raise ArgumentError(
            f"uniform: minval must be less than maxval, given minval={minval}, maxval={maxval}"
        )
    largest = float(namespace_of(key).backend.xp.finfo(dtype).max)
    if not maxval - minval <= largest:
        raise ArgumentError(
            f"uniform: maxval - minval must be at most {largest:.6g} for {dtype}, "
            f"given minval={minval}, maxval={maxval}"
        )


def normal(key: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Normal numbers of mean 0 and variance 1, by Box and Muller's transform.

    From the same bits ``log``, ``cos``, ``sin`` and ``sqrt`` of two libraries make results that
    differ by at most 8 units in the last place; 4 is the most seen among 10**6. The largest
    magnitude is ``sqrt(2 log 2**31)`` = 6.55 in float32, 9.34 in float64.

    Args:
        key: a key; an array of keys gives ``key.shape[:-1] + shape``.
        shape: shape of the result.
        dtype: float32 or float64; None is the default of the key's library.

    Raises:
        ArgumentTypeError: (a TypeError) for what is no key, shape or real dtype.
        ArgumentError: (a ValueError) for a negative shape.

    >>> import gpubp.random
    >>> normal(gpubp.random.key(0, backend="numpy"), (2, 2)).shape
    (2, 2)
    """
    check_key("normal", key)
    shape = checked_shape("normal", shape)
    real = checked_real("normal", key, dtype)
    xp = array_namespace(key)
    count = math.prod(shape)
    bits = random_bits(key, shape=(2, -(-count // 2)), nbits=real.nbits)
    words = xp.astype(bits, real.dtype)
    # A small word keeps all its digits, so that the tail is as fine as nbits allow.
    radius = xp.sqrt(-2.0 * xp.log((words[..., 0, :] + 1.0) * 2.0**-real.nbits))
    angle = words[..., 1, :] * (2.0 * math.pi * 2.0**-real.nbits)
    pair = xp.concat([radius * xp.cos(angle), radius * xp.sin(angle)], axis=-1)
    return xp.reshape(pair[..., :count], (*key.shape[:-1], *shape))


def truncated_normal(
    key: Any, lower: float, upper: float, shape: Any = (), dtype: Any = None
) -> Any:
    """Normal numbers of mean 0 and variance 1, given that they are in ``[lower, upper]``.

    The inverse of the normal distribution function is Wichura's PPND7 (Applied Statistics 37,
    1988, AS 241), to 7 digits, in either dtype.

    Args:
        key: a key; an array of keys gives ``key.shape[:-1] + shape``.
        lower: a number, possibly ``-inf``.
        upper: a number, possibly ``inf``.
        shape: shape of the result.
        dtype: float32 or float64; None is the default of the key's library.

    Raises:
        ArgumentTypeError: (a TypeError) for what is no key, shape or real dtype.
        ArgumentError: (a ValueError) for a negative shape, ``lower >= upper``, or bounds that
            leave less than the smallest number of ``dtype``.

    >>> import gpubp.random
    >>> x = truncated_normal(gpubp.random.key(0, backend="numpy"), -2.0, 2.0, (1000,))
    >>> bool((abs(x) <= 2.0).all())
    True
    """
    check_key("truncated_normal", key)
    if not lower < upper:
        raise ArgumentError(
            f"truncated_normal: lower must be less than upper, given lower={lower}, upper={upper}"
        )
    # In the lower tail a probability is precise where it is small.
    mirrored = lower + upper > 0
    low, high = (float(-upper), float(-lower)) if mirrored else (float(lower), float(upper))
    p_low, p_high = (0.5 * math.erfc(-bound / math.sqrt(2.0)) for bound in (low, high))
    real = checked_real("truncated_normal", key, dtype)
    xp = array_namespace(key)
    tiny = float(namespace_of(key).backend.xp.finfo(real.dtype).smallest_normal)
    if not p_high - p_low >= tiny:
        raise ArgumentError(
            f"truncated_normal: [lower, upper] must have a probability of at least {tiny:.3g} "
            f"for {real.dtype}, given lower={lower}, upper={upper}"
        )
    shape = checked_shape("truncated_normal", shape)
    words = xp.astype(random_bits(key, shape=shape, nbits=real.nbits), real.dtype)
    unit = (words + 0.5) * 2.0**-real.nbits
    p = xp.minimum(p_low + unit * (p_high - p_low), 1.0 - 2.0**-real.digits)  # not rounded to 1
    x = xp.clip(_normal_quantile(xp, p), low, high)
    return -x if mirrored else x


# AS 241, PPND7: the coefficients of numerators and denominators, the constant one first.
_CENTRE = (
    (3.3871327179, 50.434271938, 159.29113202, 59.109374720),
    (1.0, 17.895169469, 78.757757664, 67.187563600),
)
_TAIL = (
    (1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103),
    (1.0, 0.73700164250, 0.12021132975),
)
_FAR_TAIL = (
    (6.6579051150, 3.0812263860, 0.42868294337, 0.017337203997),
    (1.0, 0.24197894225, 0.012258202635),
)


def _normal_quantile(xp: Any, p: Any) -> Any:
    """The number that a normal one is below with probability ``0 < p < 1``."""
    q = p - 0.5
    centre = q * _ratio(_CENTRE, 0.180625 - q * q)
    r = xp.sqrt(-xp.log(xp.minimum(p, 1.0 - p)))
    tail = xp.where(r <= 5.0, _ratio(_TAIL, r - 1.6), _ratio(_FAR_TAIL, r - 5.0))
    return xp.where(xp.abs(q) <= 0.425, centre, xp.where(q < 0.0, -tail, tail))


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Any) -> Any:
    numerator, denominator = (_polynomial(row, x) for row in coefficients)
    return numerator / denominator


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    value = coefficients[-1] * x + coefficients[-2]
    for c in coefficients[-3::-1]:
        value = value * x + c
    return value
