"""Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC 2011), and the one primitive of random numbers, made of it. A backend's kernel shares its facts.

Why Philox and not Threefry2x32-20, the other generator of that paper that passes BigCrush and
needs 32-bit words only: it makes four words from 100 array operations, Threefry two from 110. Per
word, without a fused kernel, on one core: NumPy 5.0 ns against 5.7 ns, PyTorch 8.0 against 7.5;
calls that make a few words, where the number of operations is what counts: NumPy 61 us against
64 us, PyTorch 185 us against 285 us. On a GPU either is one kernel, bound by its writes.

The counter of block ``i`` of a stream is ``(i mod 2**32, i >> 32, word, stream)``: what is drawn
from a key with ``bits``, ``split`` and ``fold_in`` comes from different blocks of one permutation
and never coincides. Element ``e`` depends on the key and ``e`` alone, not on the array's shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import Primitive

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # golden ratio and sqrt(3) - 1: what a round adds to the key
MASK = 0xFFFFFFFF


def philox(counter: Sequence[Any], key: Sequence[Any]) -> tuple[Any, ...]:
    """Four random words from a counter of four words and a key of two.

    Words are Python integers, or arrays of uint64, below ``2**32``.

    >>> [hex(word) for word in philox((0, 0, 0, 0), (0, 0))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p, q = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (q >> 32) ^ c1 ^ k0, q & MASK, (p >> 32) ^ c3 ^ k1, p & MASK
        k0, k1 = (k0 + WEYL[0]) & MASK, (k1 + WEYL[1]) & MASK
    return c0, c1, c2, c3


def block(index: int, k0: int, k1: int, c2: int = 0, c3: int = 0) -> tuple[int, ...]:
    """The words of one block by Python's integers: for few of them faster than arrays are."""
    return philox((index & MASK, index >> 32, c2, c3), (k0, k1))


def elements(words: Sequence[Any], nbits: int) -> list[Any]:
    """What a block's words (integers, or 64-bit arrays, overwritten) are the bits of."""
    if nbits <= 32:
        return [_shifted(word, 32 - nbits) for word in words]
    found = []
    for high, low in (words[:2], words[2:]):
        high <<= nbits - 32
        high |= _shifted(low, 64 - nbits)
        found.append(high)
    return found


def _shifted(word: Any, by: int) -> Any:
    word >>= by
    return word


def _reference(xp: Any, key: Any, *, shape: tuple[int, ...], nbits: int) -> Any:
    device = namespace_of(key).device
    count = math.prod(shape)
    per_block = 4 if nbits <= 32 else 2
    blocks = -(-count // per_block)
    words = xp.astype(key, xp.uint64)
    k0, k1, *upper = (words[..., i, None] for i in range(key.shape[-1]))
    index = xp.arange(blocks, dtype=xp.uint64, device=device)
    c2, c3 = upper or (xp.zeros_like(index), xp.zeros_like(index))
    parts = elements(philox((index & MASK, index >> 32, c2, c3), (k0, k1)), nbits)
    batch = key.shape[:-1]
    flat = xp.reshape(xp.stack(parts, axis=-1), (*batch, blocks * per_block))
    return xp.astype(xp.reshape(flat[..., :count], (*batch, *shape)), _dtype(xp, nbits))


def _dtype(xp: Any, nbits: int) -> Any:
    return xp.int32 if nbits < 32 else xp.int64


class _RandomBits(Primitive):
    """``random_bits(key, shape=..., nbits=...)``: the top ``nbits`` bits (1 to 63) of each element.

    ``key`` is of int64, shape ``(..., 2)``: 32-bit words; or ``(..., 4)``: with the upper half of
    the counter. The result, of shape ``key.shape[:-1] + shape``, is not negative; its dtype is
    int32 up to 31 bits, else int64: integers that every library can do arithmetic on (PyTorch
    has next to none for unsigned ones). Elements of up to 32 bits take one word, in order, else
    two, the high one first.
    """

    differentiable = False

    def abstract(self, key: Any, *, shape: tuple[int, ...], nbits: int) -> ShapeDtype:
        dtype = _dtype(key.namespace.backend.xp, nbits)
        return ShapeDtype((*key.shape[:-1], *shape), dtype, key.namespace)

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self(*args, **params), True  # a batch of keys is what leading axes are


random_bits = _RandomBits("random_bits", _reference)
