"""Keys: where randomness comes from, and how one source becomes many."""

from __future__ import annotations

import operator
from typing import Any

from gpubp.core.backend import Backend, get_backend
from gpubp.core.namespace import array_namespace, dtype_kind, is_array, namespace_of
from gpubp.core.shapes import broadcast_shapes
from gpubp.errors import ArgumentError, ArgumentTypeError
from gpubp.random.arguments import check_key, checked_shape
from gpubp.rules.philox import random_bits

# The streams of a key: the counter's last word. `random_bits` of a key alone is stream 0.
_SPLIT, _FOLD_IN = 1, 2


def key(seed: int, backend: Backend | str | None = None, device: Any = None) -> Any:
    """A random key: the 64-bit ``seed`` as two words of 32 bits, the low one first.

    A key is an array of int64, shape ``(2,)``, the same on every backend; arrays drawn from it
    live on its backend and device. Draw from a key once: use ``split`` or ``fold_in`` for more.

    Args:
        seed: an integer, ``0 <= seed < 2**64``. Seeds need not look random.
        backend: a name, or a backend; None is ``get_backend("auto")``.
        device: one of the backend's devices, or the name of one; None is its default.

    Raises:
        ArgumentTypeError: (a TypeError) unless ``seed`` is an integer.
        ArgumentError: (a ValueError) for a seed out of range.

    >>> key(2**32 + 7, backend="numpy")
    array([7, 1])
    """
    try:
        number = operator.index(seed)
    except TypeError:
        raise ArgumentTypeError(
            f"key: seed must be an integer, given {type(seed).__name__} {seed!r}"
        ) from None
    if not 0 <= number < 1 << 64:
        raise ArgumentError(
            f"key: seed must be at least 0 and below 2**64, given {number}. Remedy: seed % 2**64"
        )
    found = get_backend("auto" if backend is None else backend)
    if isinstance(device, str):
        device = found.parse_device(device)
    return found.asarray([number & 0xFFFFFFFF, number >> 32], dtype="int64", device=device)


def split(key: Any, n: int | tuple[int, ...] = 2) -> Any:
    """``n`` new keys of shape ``(n, 2)``, independent of each other and of what ``key`` draws.

    The first m of n keys are the same for every n. ``n`` may be a shape. An array of keys gives
    ``key.shape[:-1] + (n, 2)``.

    Raises:
        ArgumentTypeError: (a TypeError) unless ``key`` is a key.
        ArgumentError: (a ValueError) for a negative ``n``.

    >>> first, second = split(key(0, backend="numpy"))
    >>> first
    array([768504805, 323543615])
    """
    check_key("split", key)
    shape = checked_shape("split", n)
    return random_bits(_stream(key, 0, _SPLIT), shape=(*shape, 2), nbits=32)


def fold_in(key: Any, data: Any) -> Any:
    """A new key from ``key`` and an integer, such as the number of a step or of a layer.

    Args:
        key: a key, or an array of them.
        data: ``0 <= data < 2**32``, or an integer array of the key's library and device (of
            which the low 32 bits count) that broadcasts against ``key.shape[:-1]``.

    Raises:
        ArgumentTypeError: (a TypeError) unless ``key`` is a key and ``data`` is of integers.
        ArgumentError: (a ValueError) for a Python integer out of range.

    >>> fold_in(key(0, backend="numpy"), 1)
    array([3110104998, 2177788412])
    """
    check_key("fold_in", key)
    if not (is_array(data) and namespace_of(data) is namespace_of(key)):
        try:
            data = operator.index(data)
        except TypeError:
            raise ArgumentTypeError(
                "fold_in: data must be an integer, or an integer array of the key's library and "
                f"device, given {type(data).__name__} {data!r}"
            ) from None
        if not 0 <= data < 1 << 32:
            raise ArgumentError(
                f"fold_in: data must be at least 0 and below 2**32, given {data}. "
                "Remedy: fold in its parts, one after the other"
            )
    elif dtype_kind(data) != "i":
        raise ArgumentTypeError(
            f"fold_in: data must be of integers, given an array of {data.dtype}"
        )
    return random_bits(_stream(key, data, _FOLD_IN), shape=(2,), nbits=32)


def _stream(key: Any, word: Any, stream: int) -> Any:
    """``key`` with the upper half of the counter: the form (..., 4) that random_bits takes."""
    xp = array_namespace(key, word)
    batch = key.shape[:-1]
    if is_array(word):
        batch = broadcast_shapes(batch, word.shape)
        key = xp.broadcast_to(key, (*batch, 2))
        word = xp.astype(word, xp.int64) & 0xFFFFFFFF
        word = xp.broadcast_to(word[..., None], (*batch, 1))
    else:
        word = xp.full_like(key[..., :1], word)
    return xp.concat([key, word, xp.full_like(word, stream)], axis=-1)
