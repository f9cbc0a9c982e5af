"""Philox4x32-10 on PyTorch: see gpubp.random for what is computed.

PyTorch has no unsigned arithmetic; int64 holds a 32-bit word, and wraps as uint64 does where a
product exceeds it: a mask after the (arithmetic) shift leaves the product's high half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF
_ROUNDS = 10
# Blocks at a time: on a CPU as many as stay in the second-level cache, else 0.8 GiB of buffers.
_CPU_TILE = 1 << 15
_TILE = 1 << 24
# So many blocks take Python's integers (5 us each) no longer than 120 array operations (190 us).
_FEW = 24


def random_bits(key: torch.Tensor, shape: tuple[int, ...], nbits: int) -> torch.Tensor:
    """The kernel for ``random_bits``."""
    batch, count = key.shape[:-1], math.prod(shape)
    keys = key.reshape(math.prod(batch), key.shape[-1])
    on_cpu = key.device.type == "cpu"
    per_block = 4 if nbits <= 32 else 2
    blocks = -(-count // per_block)
    dtype = torch.int32 if nbits < 32 else torch.int64
    if on_cpu and len(keys) * blocks <= _FEW:
        few = [
            [_elements(_philox(block, *words), nbits) for block in range(blocks)]
            for words in keys.tolist()
        ]
        out = torch.tensor(few, dtype=dtype)
    else:
        out = torch.empty((len(keys), blocks, per_block), dtype=dtype, device=key.device)
        tile = _CPU_TILE if on_cpu else _TILE
        rows = max(1, tile // max(blocks, 1))
        for row in range(0, len(keys), rows):
            for start in range(0, blocks, tile):
                part = out[row : row + rows, start : start + tile]
                fill(keys[row : row + rows], start, nbits, part)
    flat = out.reshape(len(keys), blocks * per_block)[:, :count]
    return flat.reshape((*batch, *shape))


def fill(keys: torch.Tensor, first: int, nbits: int, out: torch.Tensor) -> None:
    """``out`` (keys, blocks, elements) with the blocks of each key from number ``first`` on."""
    rows, blocks = out.shape[:2]
    words = keys.T[..., None]
    rounds = torch.arange(_ROUNDS, device=keys.device)[:, None, None]
    k0, k1 = ((words[i] + rounds * _WEYL[i]) & _MASK for i in (0, 1))
    index = torch.arange(first, first + blocks, device=keys.device)
    c0, c1, c2, c3, p, q = index.new_empty(6, rows, blocks)
    c0[...], c1[...] = index & _MASK, index >> 32
    c2[...], c3[...] = words[2:] if len(words) == 4 else (0, 0)
    for r in range(_ROUNDS):
        torch.mul(c0, _MULTIPLIERS[0], out=p)
        torch.mul(c2, _MULTIPLIERS[1], out=q)
        torch.bitwise_right_shift(q, 32, out=c0)
        c0.bitwise_xor_(c1).bitwise_xor_(k0[r]).bitwise_and_(_MASK)
        torch.bitwise_right_shift(p, 32, out=c2)
        c2.bitwise_xor_(c3).bitwise_xor_(k1[r]).bitwise_and_(_MASK)
        # The low halves. What is above them falls to the mask a round later.
        c1, q = q, c1
        c3, p = p, c3
    c1.bitwise_and_(_MASK)
    c3.bitwise_and_(_MASK)
    for i, element in enumerate(_elements((c0, c1, c2, c3), nbits)):
        out[..., i] = element


def _philox(index: int, k0: int, k1: int, c2: int = 0, c3: int = 0) -> tuple[int, int, int, int]:
    """The words of block ``index``, by Python's integers."""
    c0, c1 = index & _MASK, index >> 32
    for _ in range(_ROUNDS):
        p, q = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (q >> 32) ^ c1 ^ k0, q & _MASK, (p >> 32) ^ c3 ^ k1, p & _MASK
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return c0, c1, c2, c3


def _elements(words: Sequence[Any], nbits: int) -> list[Any]:
    """What a block's words (integers, or tensors, which are overwritten) are the bits of."""
    elements = []
    if nbits <= 32:
        for word in words:
            word >>= 32 - nbits
            elements.append(word)
    else:
        for high, low in (words[:2], words[2:]):
            high <<= nbits - 32
            low >>= 64 - nbits
            high |= low
            elements.append(high)
    return elements


KERNELS = {"random_bits": random_bits}
