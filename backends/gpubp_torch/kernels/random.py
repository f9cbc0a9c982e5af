"""Philox4x32-10 on PyTorch: see gpubp.rules.philox for what is computed.

PyTorch has no unsigned arithmetic; int64 holds a 32-bit word, and wraps as uint64 does where a
product exceeds it: a mask after the (arithmetic) shift leaves the product's high half.
"""

from __future__ import annotations

import math

import torch

from gpubp.rules.philox import MASK, MULTIPLIERS, ROUNDS, WEYL, block, elements

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
            [elements(block(i, *words), nbits) for i in range(blocks)] for words in keys.tolist()
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
    rounds = torch.arange(ROUNDS, device=keys.device)[:, None, None]
    k0, k1 = ((words[i] + rounds * WEYL[i]) & MASK for i in (0, 1))
    index = torch.arange(first, first + blocks, device=keys.device)
    c0, c1, c2, c3, p, q = index.new_empty(6, rows, blocks)
    c0[...], c1[...] = index & MASK, index >> 32
    c2[...], c3[...] = words[2:] if len(words) == 4 else (0, 0)
    for r in range(ROUNDS):
        torch.mul(c0, MULTIPLIERS[0], out=p)
        torch.mul(c2, MULTIPLIERS[1], out=q)
        torch.bitwise_right_shift(q, 32, out=c0)
        c0.bitwise_xor_(c1).bitwise_xor_(k0[r]).bitwise_and_(MASK)
        torch.bitwise_right_shift(p, 32, out=c2)
        c2.bitwise_xor_(c3).bitwise_xor_(k1[r]).bitwise_and_(MASK)
        # The low halves. What is above them falls to the mask a round later.
        c1, q = q, c1
        c3, p = p, c3
    c1.bitwise_and_(MASK)
    c3.bitwise_and_(MASK)
    for i, element in enumerate(elements((c0, c1, c2, c3), nbits)):
        out[..., i] = element


KERNELS = {"random_bits": random_bits}
