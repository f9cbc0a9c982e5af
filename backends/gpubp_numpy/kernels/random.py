"""Philox4x32-10 on NumPy: see gpubp.rules.philox for what is computed.

Words are kept in uint64, so that a product holds its high half, and blocks are taken a tile at a
time, so that the six buffers of a tile (0.75 MiB) stay in the second-level cache.
"""

from __future__ import annotations

import math

import numpy as np

from gpubp.rules.philox import MASK, MULTIPLIERS, ROUNDS, WEYL, block, elements

_TILE = 1 << 14
# So many blocks take Python's integers (5 us each) no longer than 100 array operations (60 us).
_FEW = 8


def random_bits(key: np.ndarray, shape: tuple[int, ...], nbits: int) -> np.ndarray:
    """The kernel for ``random_bits``."""
    batch, count = key.shape[:-1], math.prod(shape)
    keys = key.reshape(math.prod(batch), key.shape[-1])
    per_block = 4 if nbits <= 32 else 2
    blocks = -(-count // per_block)
    out = np.empty((len(keys), blocks, per_block), np.int32 if nbits < 32 else np.int64)
    if len(keys) * blocks <= _FEW:
        for row, words in enumerate(keys.tolist()):
            for i in range(blocks):
                out[row, i] = elements(block(i, *words), nbits)
    else:
        rows = max(1, _TILE // blocks)
        for row in range(0, len(keys), rows):
            fill(keys[row : row + rows], 0, nbits, out[row : row + rows])
    flat = out.reshape(len(keys), blocks * per_block)[:, :count]
    return flat.reshape((*batch, *shape))


def fill(keys: np.ndarray, first: int, nbits: int, out: np.ndarray) -> None:
    """``out`` (keys, blocks, elements) with the blocks of each key from number ``first`` on."""
    rows, blocks = out.shape[:2]
    words = keys.T.astype(np.uint64)[..., None]
    if rows == 1:  # without the axis of keys: NumPy takes 0-d operands by its fastest path
        words, out = words[:, 0, 0], out[0]
    rounds = np.arange(ROUNDS, dtype=np.uint64).reshape(-1, *(1,) * words.ndim)
    weyl = np.array(WEYL, np.uint64).reshape(2, *(1,) * (words.ndim - 1))
    round_keys = (words[:2] + rounds * weyl) & MASK
    m0, m1, mask, half = (np.array(x, np.uint64) for x in (*MULTIPLIERS, MASK, 32))
    scratch = np.empty(6 * rows * min(blocks, _TILE), np.uint64)

    for start in range(0, blocks, _TILE):
        stop = min(start + _TILE, blocks)
        c0, c1, c2, c3, p, q = _buffers(scratch, rows, stop - start)
        index = np.arange(first + start, first + stop, dtype=np.uint64)
        np.bitwise_and(index, mask, out=c0)
        np.right_shift(index, half, out=c1)
        c2[...], c3[...] = words[2:] if len(words) == 4 else (0, 0)
        for r in range(ROUNDS):
            np.multiply(c0, m0, out=p)
            np.multiply(c2, m1, out=q)
            for c, high, low, k in ((c0, q, c1, 0), (c2, p, c3, 1)):
                np.right_shift(high, half, out=c)
                np.bitwise_xor(c, low, out=c)
                np.bitwise_xor(c, round_keys[r, k, ...], out=c)
                np.bitwise_and(c, mask, out=c)
            # The low halves. What is above them falls to the mask a round later.
            c1, q = q, c1
            c3, p = p, c3
        np.bitwise_and(c1, mask, out=c1)
        np.bitwise_and(c3, mask, out=c3)
        for i, element in enumerate(elements((c0, c1, c2, c3), nbits)):
            out[..., start:stop, i] = element


def _buffers(scratch: np.ndarray, rows: int, blocks: int) -> np.ndarray:
    """Six arrays of shape (blocks,), or (rows, blocks) with the longer axis contiguous."""
    scratch = scratch[: 6 * rows * blocks]
    if rows == 1:
        return scratch.reshape(6, blocks)
    if rows <= blocks:
        return scratch.reshape(6, rows, blocks)
    return scratch.reshape(6, blocks, rows).swapaxes(1, 2)


KERNELS = {"random_bits": random_bits}
