"""Random integers, events, orders and choices."""

from __future__ import annotations

import math
import operator
from typing import Any

from gpubp.core.namespace import array_namespace, is_array, namespace_of
from gpubp.errors import ArgumentError, ArgumentTypeError
from gpubp.random.arguments import check_key, checked_real, checked_shape, is_number
from gpubp.random.continuous import uniform
from gpubp.rules.philox import random_bits


def bits(key: Any, shape: Any = (), nbits: int = 32) -> Any:
    """The generator's words: integers in ``[0, 2**nbits)``, identical on every backend.

    The dtype is int64, and int32 for less than 32 bits. Fewer bits are the upper ones of the
    same words.

    Args:
        key: a key; an array of keys gives ``key.shape[:-1] + shape``.
        shape: shape of the result.
        nbits: 1 to 63.

    Raises:
        ArgumentTypeError: (a TypeError) for what is no key or shape.
        ArgumentError: (a ValueError) for a negative shape, or ``nbits`` out of range.

    >>> import gpubp.random
    >>> bits(gpubp.random.key(0, backend="numpy"), 4)
    array([1713891541, 3781805453, 3159862348, 2600524760])
    """
    check_key("bits", key)
    if not 1 <= nbits <= 63:
        raise ArgumentError(f"bits: nbits must be from 1 to 63, given {nbits}")
    return random_bits(key, shape=checked_shape("bits", shape), nbits=nbits)


def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Any:
    """Booleans that are true with probability ``p``, identical on every backend.

    For a number ``p`` the probability is exact to ``2**-31``, for an array to ``2**-24``
    (float32) or ``2**-53`` (float64).

    Args:
        key: a key; an array of keys gives ``key.shape[:-1] + shape``.
        p: a number, or an array of float32 or float64 that broadcasts against the result.
        shape: shape of the result; None is that of ``p``.

    Raises:
        ArgumentTypeError: (a TypeError) for what is no key, shape or probability.
        ArgumentError: (a ValueError) for a negative shape, or a number ``p`` outside [0, 1].

    >>> import gpubp.random
    >>> bernoulli(gpubp.random.key(0, backend="numpy"), 0.5, (4,))
    array([ True, False, False, False])
    """
    check_key("bernoulli", key)
    if is_number(p):
        if not 0 <= p <= 1:
            raise ArgumentError(f"bernoulli: p must be from 0 to 1, given {p}")
        shape = checked_shape("bernoulli", () if shape is None else shape)
        return random_bits(key, shape=shape, nbits=30) < round(p * 2**30)
    if not is_array(p):
        raise ArgumentTypeError(
            f"bernoulli: p must be a number or an array, given {type(p).__name__} {p!r}"
        )
    shape = p.shape if shape is None else shape
    return uniform(key, shape, dtype=p.dtype) < p


def randint(key: Any, shape: Any, minval: int, maxval: int, dtype: Any = None) -> Any:
    """Integers in ``[minval, maxval)``, identical on every backend.

    The probability of each differs from ``1 / (maxval - minval)`` by less than a factor of
    ``1 + 2**-31``, however wide the range.

    Args:
        key: a key; an array of keys gives ``key.shape[:-1] + shape``.
        shape: shape of the result.
        minval: a Python integer, the smallest result.
        maxval: a Python integer, one more than the largest.
        dtype: an integer dtype (also by name); None is int64.

    Raises:
        ArgumentTypeError: (a TypeError) for what is no key, shape, integer or integer dtype.
        ArgumentError: (a ValueError) for a negative shape, ``minval >= maxval``, or numbers
            that ``dtype`` does not hold.

    >>> import gpubp.random
    >>> randint(gpubp.random.key(0, backend="numpy"), (4,), 1, 7)
    array([3, 5, 6, 5])
    """
    check_key("randint", key)
    shape = checked_shape("randint", shape)
    try:
        minval, maxval = operator.index(minval), operator.index(maxval)
    except TypeError:
        raise ArgumentTypeError(
            f"randint: minval and maxval must be integers, given minval={minval!r}, "
            f"maxval={maxval!r}"
        ) from None
    if minval >= maxval:
        raise ArgumentError(
            f"randint: minval must be less than maxval, given minval={minval}, maxval={maxval}"
        )
    xp = array_namespace(key)
    dtype = _integer(key, dtype, minval, maxval)
    value = _below(xp, key, shape, maxval - minval)
    if minval:
        value = value + _wrapped(minval)
    return xp.astype(value, dtype, copy=False)


_LIMB = (1 << 31) - 1


def _below(xp: Any, key: Any, shape: tuple[int, ...], span: int) -> Any:
    """``floor(u * span)`` in int64, with u in [0, 1) from 31 bits more than span has."""
    if span < 1 << 16:
        return random_bits(key, shape=shape, nbits=47) * span >> 47
    limbs = [span >> shift & _LIMB for shift in range(0, span.bit_length(), 31)]
    words = random_bits(key, shape=(len(limbs) + 1, *shape), nbits=31)
    words = xp.astype(words, xp.int64)
    rest = (slice(None),) * len(shape)
    return _scaled([words[(..., i, *rest)] for i in range(len(limbs) + 1)], limbs)


def _scaled(words: list[Any], limbs: list[int]) -> Any:
    """``floor(u * span)``: words are the digits of u in base 2**31, the last one first.

    By Horner's rule, ``value = (word * span + value) >> 31``, with span and value in limbs of 31
    bits, so that nothing exceeds an int64. The result wraps as an int64 does.
    """
    value: list[Any] = [0] * len(limbs)
    for word in words:
        carry, digits = 0, []
        for limb, digit in zip(limbs, value, strict=True):
            total = word * limb + digit + carry
            digits.append(total)
            carry = total >> 31
        # The lowest digit falls off; the others keep 31 bits.
        value = [*(digit & _LIMB for digit in digits[1:]), carry]
    total = value[0]
    for i, digit in enumerate(value[1:], 1):
        total = total | digit << 31 * i
    return total


def _wrapped(n: int) -> int:
    """``n`` modulo 2**64, as an int64."""
    return (n + (1 << 63)) % (1 << 64) - (1 << 63)


def _integer(key: Any, dtype: Any, minval: int, maxval: int) -> Any:
    backend = namespace_of(key).backend
    xp = backend.xp
    dtype = xp.int64 if dtype is None else backend.dtype(dtype)
    if isinstance(dtype, str) or not xp.isdtype(dtype, "integral"):
        raise ArgumentTypeError(f"randint: dtype must be an integer dtype, given {dtype}")
    limits = xp.iinfo(dtype)
    if minval < limits.min or maxval - 1 > limits.max:
        raise ArgumentError(
            f"randint: {dtype} holds {limits.min} to {limits.max}, given minval={minval}, "
            f"maxval={maxval}. Remedy: a wider dtype"
        )
    return dtype


def permutation(key: Any, x: Any, axis: int = 0) -> Any:
    """The numbers below ``x``, or the array ``x`` along ``axis``, in random order.

    Random numbers of 63 bits are sorted; where two are equal, which among n has probability
    ``n**2 / 2**64``, their order is kept. So every backend finds the same order, and all orders
    are equally likely but for a total variation of that size.

    Args:
        key: a key; an array of keys gives ``key.shape[:-1] + (x,)`` for an integer ``x``.
        x: an integer, or an array.
        axis: the axis of the array ``x`` whose slices are put in a new order.

    Raises:
        ArgumentTypeError: (a TypeError) for what is no key, integer or array.
        ArgumentError: (a ValueError) for a negative ``x``, an axis that ``x`` has not, or several
            keys for an array.

    >>> import gpubp.random
    >>> permutation(gpubp.random.key(0, backend="numpy"), 5)
    array([4, 0, 3, 1, 2])
    """
    check_key("permutation", key)
    if is_array(x):
        order = permutation(_single("permutation", key), _length("permutation", x, axis))
        return array_namespace(key, x).take(x, order, axis=axis)
    n = _length("permutation", x, axis)
    return array_namespace(key).argsort(random_bits(key, shape=(n,), nbits=63), stable=True)


def choice(key: Any, x: Any, shape: Any = (), replace: bool = True, axis: int = 0) -> Any:
    """Random numbers below ``x``, or random slices of the array ``x`` along ``axis``.

    Each is equally likely, as in ``randint`` and ``permutation``; ``categorical`` draws with
    unequal probabilities.

    Args:
        key: a key.
        x: an integer, or an array.
        shape: how many to draw; in the result it stands in the place of ``axis``.
        replace: whether one can be drawn more than once.
        axis: the axis of the array ``x`` to draw from.

    Raises:
        ArgumentTypeError: (a TypeError) for what is no key, shape, integer or array.
        ArgumentError: (a ValueError) for several keys, a negative shape, an axis that ``x`` has
            not, or more to draw than there is.

    >>> import gpubp.random
    >>> choice(gpubp.random.key(0, backend="numpy"), 5, (3,), replace=False)
    array([4, 0, 3])
    """
    check_key("choice", key)
    shape = checked_shape("choice", shape)
    n = _length("choice", x, axis)
    count = math.prod(shape)
    if count > (n if not replace else count * n):
        raise ArgumentError(
            f"choice: can't draw {count} from {n}{'' if replace else ' without replacement'}, "
            f"given shape={shape}"
        )
    xp = array_namespace(_single("choice", key), x if is_array(x) else None)
    index = randint(key, (count,), 0, max(n, 1)) if replace else permutation(key, n)[:count]
    if not is_array(x):
        return xp.reshape(index, shape)
    axis %= len(x.shape)
    return xp.reshape(xp.take(x, index, axis=axis), (*x.shape[:axis], *shape, *x.shape[axis + 1 :]))


def categorical(key: Any, logits: Any, axis: int = -1) -> Any:
    """Indices along ``axis``, each with probability ``softmax(logits)``, by Gumbel's trick.

    Backends agree except where the two best differ by rounding errors of ``log``.

    Args:
        key: a key; an array of keys gives one result for each, ``key.shape[:-1]`` before the
            axes of ``logits``.
        logits: an array of float32 or float64; ``-inf`` is never drawn.
        axis: the axis of ``logits`` that the result lacks.

    Raises:
        ArgumentTypeError: (a TypeError) for what is no key, or logits that are not real.
        ArgumentError: (a ValueError) for an axis that ``logits`` has not.

    >>> import gpubp.random, numpy as np
    >>> categorical(gpubp.random.key(0, backend="numpy"), np.log([[0.5, 0.5], [0.0001, 0.9999]]))
    array([1, 1])
    """
    check_key("categorical", key)
    real = checked_real("categorical", key, logits.dtype)
    _length("categorical", logits, axis)
    axis %= len(logits.shape)
    xp = array_namespace(key, logits)
    words = random_bits(key, shape=logits.shape, nbits=real.digits - 1)
    # Halfway between the multiples of 2**(1 - digits): exact, and never 0 or 1.
    unit = (xp.astype(words, real.dtype) + 0.5) * 2.0 ** (1 - real.digits)
    gumbel = -xp.log(-xp.log(unit))
    return xp.argmax(logits + gumbel, axis=axis - len(logits.shape))


def _length(function: str, x: Any, axis: int) -> int:
    """How many there are in ``x``, a number of them or an array of them along ``axis``."""
    if is_array(x):
        ndim = len(x.shape)
        if not -ndim <= axis < ndim:
            raise ArgumentError(f"{function}: an array of {ndim} axes has no axis {axis}")
        return x.shape[axis]
    try:
        n = operator.index(x)
    except TypeError:
        raise ArgumentTypeError(
            f"{function}: x must be an integer or an array, given {type(x).__name__} {x!r}"
        ) from None
    if n < 0:
        raise ArgumentError(f"{function}: x must not be negative, given {n}")
    return n


def _single(function: str, key: Any) -> Any:
    if len(key.shape) != 1:
        raise ArgumentError(
            f"{function}: key must be one key, shape (2,), given shape {tuple(key.shape)}. "
            "Remedy: gpubp.vmap over the keys"
        )
    return key
