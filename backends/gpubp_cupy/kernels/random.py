"""Philox4x32-10 on CuPy, in one launch: see gpubp.random for what is computed."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import cupy

from gpubp_cupy.kernels.source import read

_SOURCE = Path(__file__).with_suffix(".cu")
_THREADS = 256
_MOST_GROUPS = 1 << 16


@cache
def _kernel(name: str) -> cupy.RawKernel:
    return cupy.RawKernel(read(_SOURCE), name, options=("--std=c++17",))


def random_bits(key: cupy.ndarray, shape: tuple[int, ...], nbits: int) -> cupy.ndarray:
    """The kernel for ``random_bits``."""
    return generate(key, 0, shape, nbits)


def generate(key: cupy.ndarray, first: int, shape: tuple[int, ...], nbits: int) -> cupy.ndarray:
    """``random_bits`` from block number ``first`` on."""
    name = "random_int32" if nbits < 32 else "random_word" if nbits == 32 else "random_int64"
    rows, count = math.prod(key.shape[:-1]), math.prod(shape)
    blocks = rows * -(-count // (4 if nbits <= 32 else 2))
    with key.device:
        out = cupy.empty((*key.shape[:-1], *shape), cupy.int32 if nbits < 32 else cupy.int64)
        if blocks:
            groups = min(-(-blocks // _THREADS), _MOST_GROUPS)
            words, bits = cupy.int32(key.shape[-1]), cupy.int32(nbits)
            arguments = (cupy.ascontiguousarray(key), words, rows, first, count, bits, out)
            _kernel(name)((groups,), (_THREADS,), arguments)
    return out


KERNELS = {"random_bits": random_bits}
