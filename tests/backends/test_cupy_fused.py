"""What the formulas don't show of CuPy's fused kernels: launches, copies, waits, large arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cuda_device
from backends.plugins import plugin
from backends.test_fused import TABLE

if cuda_device.MISSING:
    pytest.skip(cuda_device.MISSING, allow_module_level=True)

import cupy  # after the emulated device has been installed

from gpubp_cupy.kernels import fused
from gpubp_cupy.kernels.fused import rows
from gpubp_cupy.kernels.source import read


def spent(run: Callable[[], Any]) -> dict[str, int]:
    """What `run` makes the device do, when everything has been compiled."""
    if cuda_device.KIND != "an emulated CUDA device":
        pytest.skip("only the emulated device counts")
    import cudaemu

    run()
    cudaemu.reset_counters()
    run()
    found = cudaemu.counters()
    names = ("kernel_launches", "synchronizations", "copies_host_to_device", "memsets")
    return {name: found[name] for name in names}


LAUNCHES = {"attention_slope": 2}  # of queries, of keys and values; all others are one


@pytest.mark.parametrize("name", sorted(set(TABLE) & set(fused.KERNELS)))
def test_one_launch_and_nothing_else(name: str) -> None:
    make, cases = TABLE[name]
    args, params = make(np.random.default_rng(0), *cases[2])
    native = [plugin("cupy").asarray(a) for a in args]
    assert spent(lambda: fused.KERNELS[name](*native, **params)) == {
        "kernel_launches": LAUNCHES.get(name, 1),
        "synchronizations": 0,
        "copies_host_to_device": 0,
        "memsets": 0,
    }


def test_rows_begin_beyond_2_to_the_31() -> None:
    probe = """
    extern "C" __global__ void probe(const long long* row, long long n, long long* out) {
      out[threadIdx.x] = row_start(row[threadIdx.x], n);
    }
    """
    source = read(rows.HEADER) + probe
    numbers = np.asarray([1, 2**31 // 1000, 2**32 + 5, 10**12])
    out = cupy.empty(4, cupy.int64)
    kernel = cupy.RawKernel(source, "probe", options=("--std=c++17",))
    kernel((1,), (4,), (cupy.asarray(numbers), 1000, out))
    np.testing.assert_array_equal(out.get(), numbers * 1000)


@pytest.mark.parametrize("count", [1, 10**6, 2**31, 2**40])
@pytest.mark.parametrize("n", [1, 1000, 1025, 10**6, 2**33])
def test_a_launch_is_legal_whatever_the_size(count: int, n: int) -> None:
    (groups,), (x, y) = rows.geometry(count, n)
    assert 1 <= groups <= 2**31 - 1
    assert x % 32 == 0
    assert x * y <= 1024
    assert x == 32 or y == 1, "only a warp may share its block: reduce() has barriers"
