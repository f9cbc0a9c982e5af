"""Products of matrices on CuPy: every layout, and what reaches the device."""

import itertools

import numpy as np
import pytest

import cuda_device
from backends.plugins import plugin
from gpubp.core.backend import get_backend

rng = np.random.default_rng(11)
TOLERANCE = {"e": 2e-2, "f": 1e-4, "F": 1e-4, "d": 1e-12, "D": 1e-12}


@pytest.fixture
def cupy():
    plugin("cupy")
    return pytest.importorskip("cupy")


@pytest.fixture
def matmul(cupy):
    return get_backend("cupy").kernels["matmul"]


@pytest.fixture
def counted(cupy, matmul):
    """What a call costs: `counted(a, b)` gives products, launches, copies and allocated bytes."""
    if "emulated" not in cuda_device.KIND:
        pytest.skip("only the emulator counts")
    import cudaemu

    def count(*args):
        matmul(cupy.ones((2, 2), "f"), cupy.ones((2, 2), "f"))  # the stream's workspace
        before = cupy.get_default_memory_pool().used_bytes()
        cudaemu.reset_counters()
        out = matmul(*args)
        counts = cudaemu.counters()
        assert counts["synchronizations"] == 0
        copies = sum(n for name, n in counts.items() if name.startswith("copies"))
        held = cupy.get_default_memory_pool().used_bytes() - before
        rounding = -(-out.nbytes // 512) * 512
        return counts["library_calls"], counts["kernel_launches"] + copies, held - rounding

    return count


def views(x):
    """``x`` in other layouts: transposed, with gaps, reversed, broadcast."""
    yield x
    yield x.swapaxes(-1, -2)
    yield x[..., ::2, :]
    yield x[..., ::2]
    yield x[..., ::-1]
    yield x[..., :1, :]
    yield x[..., :1]
    if x.ndim > 2:
        yield x[::-1]
        yield x[:, :1] if x.ndim > 3 else x[:1]
    if x.ndim > 3:
        yield x.swapaxes(0, 1)


SHAPES = [
    ((6, 8), (8, 6)),
    ((5, 6, 8), (8, 6)),
    ((6, 8), (3, 8, 6)),
    ((4, 1, 6, 8), (5, 8, 6)),
    ((4, 5, 6, 8), (4, 5, 8, 6)),
    ((2, 9, 9, 6, 4), (9, 2, 1, 6, 4)),
    ((0, 3), (3, 4)),
    ((3, 0), (0, 4)),
    ((0, 2, 3), (3, 4)),
]


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_every_layout(cupy, matmul, left, right, dtype):
    a, b = (np.asarray(rng.normal(size=s)).astype(dtype) for s in (left, right))
    pairs = 0
    for (x, dx), (y, dy) in itertools.product(
        zip(views(a), views(cupy.asarray(a)), strict=True),
        zip(views(b), views(cupy.asarray(b)), strict=True),
    ):
        try:
            expected = x.astype("D") @ y.astype("D")
        except ValueError:  # these two do not fit
            continue
        found = matmul(dx, dy).get()
        assert (found.dtype, found.shape) == (np.dtype(dtype), expected.shape)
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        pairs += 1
    assert pairs >= 2


def test_bfloat16_sums_in_float32(cupy, matmul):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    ones = cupy.ones((3, 1000), dtype=bfloat16)  # bfloat16 counts to 256
    for stack in (ones, cupy.stack([ones, ones])):
        found = matmul(stack, ones.T)
        assert found.dtype == bfloat16
        np.testing.assert_array_equal(found.get().astype("f"), 1000.0)


def test_float16_sums_in_float32(cupy, matmul):
    ones = cupy.ones((3, 5000), dtype="e")  # float16 counts to 2048
    np.testing.assert_array_equal(matmul(ones, ones.T).get(), 5000.0)


@pytest.mark.parametrize("dtypes", ["fd", "df", "ef", "fD", "if", "ii", "??"])
def test_other_dtypes_are_cupys_promotion(cupy, matmul, dtypes):
    a, b = (cupy.asarray(rng.integers(0, 2, (3, 3)).astype(d)) for d in dtypes)
    found = matmul(a, b)
    assert found.dtype == (a @ b).dtype
    np.testing.assert_array_equal(found.get(), a.get() @ b.get())


def test_a_product_is_one_call_without_copies(cupy, counted):
    x, y = cupy.ones((40, 30), "f"), cupy.ones((40, 20), "f")
    assert counted(x.T, y) == (1, 0, 0)
    assert counted(x[:, :10].T, y[:, 5:]) == (1, 0, 0)
    assert counted(y.T, x) == (1, 0, 0)


def test_a_stack_of_products_is_one_call_without_copies(cupy, counted):
    q, k = cupy.ones((4, 6, 7, 8), "f"), cupy.ones((4, 6, 9, 8), "f")
    assert counted(q, k.swapaxes(-1, -2)) == (1, 0, 0)
    assert counted(q.swapaxes(-1, -2), q) == (1, 0, 0)
    assert counted(q[0], k[0, 0].T) == (1, 0, 0)
    assert counted(q[0, 0], k.swapaxes(-1, -2)) == (1, 0, 0)
    assert counted(q[::2, 0], k[1:3, 1].swapaxes(-1, -2)) == (1, 0, 0)


def test_stacks_without_one_distance_take_few_calls(cupy, counted):
    heads = cupy.ones((30, 5, 4, 8), "f").swapaxes(1, 2)  # (examples, heads, length, features)
    assert counted(heads, heads.swapaxes(-1, -2)) == (4, 0, 0)
    assert counted(cupy.ones((30, 1, 2, 3), "f"), cupy.ones((7, 3, 2), "f")) == (7, 0, 0)
    many = cupy.ones((30, 5, 9, 8), "f").swapaxes(1, 2)
    calls, launches, held = counted(many, many.swapaxes(-1, -2))
    assert (calls, launches, held) == (1, 2, 0)  # both copied, and the copies are gone


def test_rows_that_are_not_contiguous_are_copied_once(cupy, counted):
    x = cupy.ones((40, 30), "f")
    assert counted(x[:, ::2], x[:15]) == (1, 1, 0)


def test_tf32_on_request(cupy, matmul, monkeypatch):
    from gpubp_cupy import cublas

    assert {kind.compute for kind in cublas.KINDS.values()} == {68, 70}  # 32F and 64F
    assert cublas.kinds(tf32=True)["f"].compute == 77
    assert cublas.kinds(tf32=True)["e"].compute == 68
    monkeypatch.setattr(cublas, "KINDS", cublas.kinds(tf32=True))
    x = cupy.ones((3, 3), "f")
    np.testing.assert_array_equal(matmul(x, x).get(), 3.0)


def test_products_can_be_captured_in_a_graph(cupy, matmul):
    a = cupy.asarray(rng.normal(size=(5, 4, 3)))
    b = cupy.asarray(rng.normal(size=(3, 4)))
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        matmul(a, b)  # the stream's workspace
        stream.begin_capture()
        one, stack = matmul(a[0].T, b.T), matmul(a, b)
        graph = stream.end_capture()
        a *= 2
        b += 1
        graph.launch(stream=stream)
    stream.synchronize()
    np.testing.assert_allclose(one.get(), a[0].get().T @ b.get().T)
    np.testing.assert_allclose(stack.get(), a.get() @ b.get())


def test_every_stream_has_a_workspace_of_its_own(cupy, matmul):
    from gpubp_cupy import cublas

    x = cupy.ones((2, 2))
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
    for stream in [*streams, *streams]:
        with stream:
            matmul(x, x)
    handle = cublas._handles.of_device[0]
    assert len({handle.workspaces[stream.ptr].ptr for stream in streams}) == 2


def test_threads_do_not_share_a_handle(cupy, matmul):
    from concurrent.futures import ThreadPoolExecutor

    from gpubp_cupy import cublas

    x = cupy.ones((2, 2))

    def work(_):
        matmul(x, x)
        return cublas._handles.of_device[0].handle.value

    here = work(0)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work, 0).result() != here


def test_an_error_of_cublas_is_raised(cupy, monkeypatch):
    from gpubp_cupy import cublas

    x = cupy.ones((2, 2), "f")
    wrong = cublas.Layout(False, 1)  # rows of 2 elements can't be 1 apart
    with pytest.raises(cublas.cublas.CUBLASError, match="INVALID_VALUE"):
        cublas.product(cublas.KINDS["f"], (2, 2, 2), wrong, wrong, (x.data.ptr,) * 3)


def test_a_compiled_function_leaves_no_workspace_behind(cupy, matmul):
    import gpubp
    from gpubp_cupy import cublas

    x = cupy.ones((8, 8))
    matmul(x, x)
    handle = cublas._handles.of_device[0]
    before = set(handle.workspaces)
    f = gpubp.compile(lambda x: x @ x)
    for _ in range(3):
        np.testing.assert_array_equal(f(x).get(), 8.0)
    [own] = set(handle.workspaces) - before
    cublas.forget(own)
    assert set(handle.workspaces) == before
    assert handle.stream != own


def test_a_compiled_function_called_on_another_stream_waits_for_the_first(cupy, monkeypatch):
    import gpubp

    waited = []
    wait = cupy.cuda.Stream.wait_event
    f, x = gpubp.compile(lambda x: x @ x + 1), cupy.ones((8, 8))
    f(x)
    f(x)  # captured by now
    monkeypatch.setattr(
        cupy.cuda.Stream,
        "wait_event",
        lambda self, event: waited.append(self.ptr) or wait(self, event),
    )
    f(x)
    assert not waited
    with cupy.cuda.Stream(non_blocking=True) as other:
        y = f(x)
        f(x)
    assert waited == [other.ptr]
    np.testing.assert_array_equal(y.get(), 9.0)
