"""Devices, memory, copies and waiting, on every plug-in that can run here."""

import numpy as np
import pytest

from backends.plugins import NAMES, plugin
from gpubp.core.backend import MemoryInfo, get_backend


@pytest.fixture(params=NAMES)
def backend(request):
    return plugin(request.param)


def test_every_device_can_be_named(backend):
    for device in backend.devices():
        named = get_backend(f"{backend.name}:{backend.device_name(device)}")
        assert named.device_of(named.asarray([1.0])) == device
        assert named.device_of(named.asarray(1.0)) == device
        assert named.device_of(named.asarray(np.ones(30000))) == device


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32", "float64", "complex64"])
def test_values_survive_the_way_there_and_back(backend, dtype):
    base = np.arange(60000).reshape(200, 300) % 7
    for x in (base, base[::2, ::-1], base.T, base[:0], base[0, 0], base[3]):
        x = np.asarray(x.astype(dtype))
        read_only = x.copy()
        read_only.flags.writeable = False
        for given in (x, read_only):
            there = backend.asarray(given)
            assert isinstance(there, backend.array_types)
            assert there.dtype == getattr(backend.xp, dtype)
            back = backend.to_numpy(there)
            assert type(back) is np.ndarray
            np.testing.assert_array_equal(back, x)
            assert back.dtype == x.dtype


def test_what_is_fetched_is_what_it_was(backend):
    x = backend.asarray(np.arange(12.0).reshape(3, 4))
    fetched = backend.fetch(x.T)
    x = x * 2
    np.testing.assert_array_equal(fetched(), np.arange(12.0).reshape(3, 4).T)
    np.testing.assert_array_equal(fetched(), np.arange(12.0).reshape(3, 4).T)


def test_dtypes_go_by_name_or_by_another_librarys_dtype(backend):
    for dtype in ("float32", np.float32, np.dtype("float32"), backend.xp.float32):
        for x in (1, [1, 2], np.arange(3), np.arange(30000)):
            assert backend.asarray(x, dtype=dtype).dtype == backend.xp.float32


def test_memory_is_told_for_every_device(backend):
    for device in backend.devices():
        info = backend.memory_info(device)
        assert isinstance(info, MemoryInfo)
        assert 0 < info.free <= info.total


def test_computing_on_a_device_and_waiting_for_it(backend):
    for device in backend.devices():
        with backend.on(device):
            x = backend.xp.asarray(np.arange(4.0), device=device)
            total = backend.xp.sum(x * 2)
        backend.synchronize(device)
        assert float(total) == 12.0
        assert backend.device_of(total) == device


def test_details_name_the_version_and_the_blas(backend):
    details = backend.details()
    assert details["version"]
    assert details["BLAS"]


def test_native_makes_arrays_of_numpy_scalars():
    backend = plugin("numpy")
    made = backend.native(np.float32(2.5))
    assert type(made) is np.ndarray
    assert made.shape == ()
    assert made.dtype == np.float32
    x = np.ones(2)
    assert backend.native(x) is x


def test_the_blas_is_told_without_threadpoolctl(monkeypatch):
    import sys

    from gpubp_numpy.blas import blas_in_use

    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    built_with = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    assert blas_in_use().startswith(built_with)


def test_torch_without_cuda_says_so():
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(RuntimeError, match=r"'cuda:0' was asked for and .* CUDA.* Remedy: "):
        get_backend("torch:cuda:0")


def test_torch_numbers_that_numpy_lacks_come_back_as_float32():
    torch = pytest.importorskip("torch")
    found = get_backend("torch").to_numpy(torch.ones(2, dtype=torch.bfloat16, requires_grad=True))
    assert found.dtype == np.float32
