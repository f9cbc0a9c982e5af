"""What only CuPy has: drivers, kernels that may not run, streams, several devices."""

import sys

import numpy as np
import pytest

import cuda_device
from backends.plugins import plugin
from gpubp.core import backend as module
from gpubp.core.backend import get_backend

NO_DEVICE, OLD_DRIVER = 100, 35  # cudaErrorNoDevice, cudaErrorInsufficientDriver


@pytest.fixture
def runtime(monkeypatch):
    """CuPy's runtime module to be tampered with, and a look-up that has seen nothing yet."""
    pytest.importorskip("cupy")
    from cupy.cuda import runtime

    for cache in (module._named, module._auto):
        cache.cache_clear()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv(module.VARIABLE, raising=False)
    yield runtime
    for cache in (module._named, module._auto):
        cache.cache_clear()


def refuse(monkeypatch, runtime, status, driver):
    def count():
        raise runtime.CUDARuntimeError(status)

    monkeypatch.setattr(runtime, "getDeviceCount", count)
    monkeypatch.setattr(runtime, "driverGetVersion", lambda: driver)


def why():
    with pytest.raises(RuntimeError) as caught:
        get_backend("cupy")
    return str(caught.value)


def test_cupy_is_not_installed(runtime, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert why() == (
        "backend 'cupy' cannot be used: the library 'cupy' is not installed. Remedy: "
        "pip install 'gpubp[cuda12]' (for a driver of CUDA 13: 'gpubp[cuda13]')"
    )


def test_there_is_no_driver(runtime, monkeypatch):
    refuse(monkeypatch, runtime, OLD_DRIVER, driver=0)
    assert why() == (
        "backend 'cupy' cannot be used: this machine has no NVIDIA driver. Remedy: install the "
        "driver of the GPU, until nvidia-smi lists it; or use the backend 'numpy'"
    )


def test_the_driver_is_too_old(runtime, monkeypatch):
    refuse(monkeypatch, runtime, OLD_DRIVER, driver=11040)
    monkeypatch.setattr(runtime, "runtimeGetVersion", lambda: 12090)
    assert "the driver knows CUDA 11.4, CuPy needs 12.9. Remedy: update the driver" in why()


def test_there_is_no_device(runtime, monkeypatch):
    refuse(monkeypatch, runtime, NO_DEVICE, driver=12090)
    assert "the driver finds no CUDA device (cudaErrorNoDevice" in why()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES is ''. Remedy: unset CUDA_VISIBLE_DEVICES" in why()


def test_auto_takes_the_host_where_there_is_no_device(runtime, monkeypatch, caplog):
    refuse(monkeypatch, runtime, NO_DEVICE, driver=0)
    with caplog.at_level("INFO", "gpubp"):
        assert get_backend().name == "numpy"
    assert "numpy; not cupy: this machine has no NVIDIA driver" in caplog.text


def test_a_kernel_that_does_not_run(runtime, monkeypatch):
    cupy = plugin("cupy").xp

    def fail(*args):
        raise RuntimeError("CuPy failed to load libnvrtc.so.12\nand more")

    module._named.cache_clear()
    monkeypatch.setattr(sys.modules["cupy"], "arange", fail)
    assert cupy is not None
    assert (
        "a kernel does not run on device 0 (RuntimeError: CuPy failed to load libnvrtc.so.12). "
        "Remedy: install CuPy with its CUDA libraries: pip install 'gpubp[cuda12]'"
    ) in why()


def test_a_device_that_computes_wrongly(runtime, monkeypatch):
    plugin("cupy")
    module._named.cache_clear()
    right = sys.modules["cupy"].arange
    monkeypatch.setattr(sys.modules["cupy"], "arange", lambda n: right(n) + 1)
    assert "device 0 computes 2 * (0 + 1 + 2 + 3) = 20. Remedy: check the hardware" in why()


@pytest.fixture
def cupy():
    plugin("cupy")
    import cupy

    return cupy


def test_auto_takes_a_device_that_works(runtime, cupy):
    assert get_backend().name == "cupy"


def test_a_device_that_is_not_there(cupy):
    count = cupy.cuda.runtime.getDeviceCount()
    with pytest.raises(RuntimeError) as caught:
        get_backend(f"cupy:{count}")
    names = ", ".join(str(i) for i in range(count))
    assert f"it has no device '{count}'. Remedy: name one of its devices: {names}" in str(
        caught.value
    )


def test_the_current_device_is_left_alone(cupy):
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one device")
    backend = get_backend("cupy:1")
    x = backend.asarray(np.ones((50, 2)))
    i = backend.asarray(np.arange(50))
    for result in (
        backend.kernels["index_add"](x, x, i),
        backend.kernels["index_put"](x, x, i),
        backend.kernels["gather"](x, i),
        backend.kernels["multiply_no_nan"](x, 2.0),
        backend.asarray(get_backend("cupy:0").asarray([1.0])),
    ):
        assert result.device.id == 1
        backend.to_numpy(result)
    backend.synchronize()
    assert backend.memory_info() != get_backend("cupy:0").memory_info()
    assert cupy.cuda.runtime.getDevice() == 0


def test_memory_that_the_pool_holds_counts_as_free(cupy):
    backend = get_backend("cupy")
    before = backend.memory_info()
    held = cupy.empty(2**20, dtype=cupy.uint8)
    assert backend.memory_info().free <= before.free - 2**20
    del held
    assert backend.memory_info().free == before.free


def test_a_limit_of_the_pool_is_all_there_is(cupy):
    backend, pool = get_backend("cupy"), cupy.get_default_memory_pool()
    pool.set_limit(size=2**26)
    try:
        info = backend.memory_info()
        assert info.total == 2**26
        assert info.free == 2**26 - pool.used_bytes()
    finally:
        pool.set_limit(size=0)


def test_uploads_do_not_share_memory_with_each_other_or_the_host(cupy):
    backend = get_backend("cupy")
    host = np.zeros(20000)
    kept = []
    for i in range(4):
        host[:] = i
        kept.append(backend.asarray(host))
    dropped = backend.asarray(host)
    view = dropped[10:]
    del dropped  # the view must keep the memory
    again = backend.asarray(host + 5)
    assert [float(x[0]) for x in kept] == [0.0, 1.0, 2.0, 3.0]
    assert float(view[-1]) == 3.0
    assert float(again[-1]) == 8.0


def test_the_host_does_not_wait_for_uploads_or_scatters(cupy):
    if "emulated" not in cuda_device.KIND:
        pytest.skip("only the emulator counts synchronisations")
    import cudaemu

    backend = get_backend("cupy")
    host, v, i = np.ones((300, 64)), np.ones((1000, 64)), np.arange(1000) % 300
    x, v, i = backend.asarray(host), backend.asarray(v), backend.asarray(i)
    cudaemu.reset_counters()
    backend.asarray(host)
    backend.asarray(2.0)
    backend.kernels["index_add"](x, v, i)
    backend.kernels["index_put"](x, v, i)
    backend.kernels["multiply_no_nan"](x, x)
    counted = cudaemu.counters()
    assert counted["synchronizations"] == 0
    assert counted["copies_host_to_device"] == 1  # the scalar is made by a kernel


def test_scatter_can_be_captured_in_a_graph(cupy):
    add = get_backend("cupy").kernels["index_add"]
    x, v, i = cupy.zeros((30, 4)), cupy.ones((100, 4)), cupy.arange(100) % 30
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        add(x, v, i)  # compiles
        stream.begin_capture()
        out = add(x, v, i)
        graph = stream.end_capture()
        v[...] = 2.0
        graph.launch(stream=stream)
    stream.synchronize()
    np.testing.assert_array_equal(out.get()[:, 0], 2.0 * np.bincount(np.arange(100) % 30))


def test_an_upload_that_dies_while_its_reader_is_captured_stays_out_of_the_graph(cupy):
    backend, host = get_backend("cupy"), np.ones(20000)
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        x = backend.asarray(host)
        y = x * 2
        stream.begin_capture()
        y *= 3
        del x  # its memory goes back to the side stream, which must not join the graph
        graph = stream.end_capture()
        backend.asarray(host + 1)
        graph.launch(stream=stream)
    stream.synchronize()
    np.testing.assert_array_equal(y.get(), 6.0)
