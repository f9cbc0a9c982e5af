"""Memory that runs out: how each library says so, and what is given back."""

import numpy as np
import pytest

from backends.plugins import NAMES, plugin
from gpubp.core.backend import get_backend
from gpubp.errors import OutOfDeviceMemoryError


@pytest.fixture(params=NAMES)
def backend(request):
    return plugin(request.param)


def test_an_array_larger_than_the_memory_is_told_from_other_errors(backend):
    xp = backend.xp
    with pytest.raises(Exception) as caught:  # noqa: PT011  each library has its own
        xp.zeros(2**58, dtype=xp.int8)
    assert backend.is_out_of_memory(caught.value)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        xp.zeros(3) + xp.zeros(4)
    assert not backend.is_out_of_memory(caught.value)


def test_the_librarys_own_error_counts(backend):
    error = OutOfDeviceMemoryError("vmap", "here", 2, 1, "take less")
    assert isinstance(error, MemoryError)
    assert backend.is_out_of_memory(error)


def test_releasing_memory_leaves_arrays_alone(backend):
    for device in backend.devices():
        x = backend.asarray(np.arange(4.0), device=device)
        backend.release_memory(device)
        backend.release_memory()
        np.testing.assert_array_equal(backend.to_numpy(x), np.arange(4.0))


@pytest.fixture
def cupy():
    plugin("cupy")
    return pytest.importorskip("cupy")


def test_cupy_gives_back_what_its_pools_and_fft_plans_hold(cupy):
    backend, pool = get_backend("cupy"), cupy.get_default_memory_pool()
    cupy.fft.fft(cupy.ones(1 << 12))
    backend.to_numpy(backend.asarray(np.ones(1 << 16)))
    assert cupy.fft.config.get_plan_cache().get_curr_size() > 0
    assert pool.free_bytes() > 0
    backend.release_memory()
    assert cupy.fft.config.get_plan_cache().get_curr_size() == 0
    assert pool.free_bytes() == 0
    assert cupy.get_default_pinned_memory_pool().n_free_blocks() == 0


def test_the_cuda_libraries_say_it_in_their_own_ways(cupy):
    from cupy_backends.cuda.api import runtime
    from cupy_backends.cuda.libs import cublas, cusolver

    is_out_of_memory = get_backend("cupy").is_out_of_memory
    assert is_out_of_memory(runtime.CUDARuntimeError(2))
    assert is_out_of_memory(cublas.CUBLASError(3))
    assert is_out_of_memory(cusolver.CUSOLVERError(2))
    assert is_out_of_memory(cupy.cuda.cufft.CuFFTError(2))
    assert not is_out_of_memory(runtime.CUDARuntimeError(700))
    assert not is_out_of_memory(cublas.CUBLASError(7))
