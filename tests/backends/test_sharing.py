"""Arrays of one library taken over by another where they lie, through DLPack."""

import numpy as np
import pytest

from backends.plugins import plugin
from gpubp.core.backend import get_backend


class Exporter:
    """An array of a library without a plug-in: nothing but DLPack leads to its memory."""

    def __init__(self, x):
        self.__dlpack__, self.__dlpack_device__ = x.__dlpack__, x.__dlpack_device__


@pytest.fixture
def cupy():
    plugin("cupy")
    return pytest.importorskip("cupy")


def test_cupy_takes_an_array_that_lies_on_cuda_without_a_copy(cupy):
    x = cupy.arange(6.0).reshape(2, 3).T
    found = get_backend("cupy").asarray(Exporter(x))
    assert (found.data.ptr, found.shape, found.strides) == (x.data.ptr, x.shape, x.strides)
    x[0, 0] = 7.0
    assert float(found[0, 0]) == 7.0


def test_cupy_casts_what_it_takes_over(cupy):
    found = get_backend("cupy").asarray(Exporter(cupy.arange(3.0)), dtype="float32")
    assert found.dtype == np.float32


def test_cupy_hands_its_stream_to_the_exporter(cupy):
    """So that the exporter's pending work is done before CuPy reads."""
    given = []

    class Watched(Exporter):
        def __init__(self, x):
            super().__init__(x)
            export = self.__dlpack__
            self.__dlpack__ = lambda **kwargs: given.append(kwargs["stream"]) or export(**kwargs)

    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        get_backend("cupy").asarray(Watched(cupy.ones(3)))
    assert given == [stream.ptr]


def test_cupy_exports_what_it_has_without_a_copy(cupy):
    """What PyTorch's `from_dlpack` is given; a build of it for CUDA takes it from there."""
    x = get_backend("cupy").asarray(np.ones(3))
    assert x.__dlpack_device__() == (2, 0)
    assert cupy.from_dlpack(Exporter(x)).data.ptr == x.data.ptr


def test_torch_takes_a_cuda_array_over_where_it_has_cuda(cupy, monkeypatch):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("stands in for a build with CUDA")
    taken = []

    def from_dlpack(x):
        taken.append(x)
        return torch.zeros(3)

    backend, x = get_backend("torch"), cupy.ones(3)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(backend.xp, "from_dlpack", from_dlpack)
    assert isinstance(backend.asarray(x), torch.Tensor)
    assert taken[0] is x


def test_torch_without_cuda_copies_through_the_host(cupy):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    found = get_backend("torch").asarray(cupy.arange(3.0))
    assert found.tolist() == [0.0, 1.0, 2.0]


def test_torch_and_cupy_share_memory_on_a_machine_with_both(cupy):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch has no CUDA here")
    x = get_backend("cupy").asarray(np.arange(3.0))
    there = get_backend("torch").asarray(x)
    back = get_backend("cupy").asarray(there.requires_grad_())
    assert there.data_ptr() == back.data.ptr == x.data.ptr
