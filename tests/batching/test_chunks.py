"""Chunks: sizes that fit, recovery from full memory, results on the host and as a stream."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

import gpubp
from batching.losses import CASES
from batching.numpy_memory import counted, live
from batching.test_per_example import compare, expected, lengths, placed
from gpubp import batching, per_example
from gpubp.batching import chunked, chunks, forecast
from gpubp.core.stack import stack

NUMPY = gpubp.get_backend("numpy")


def narrow(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Let there be so many bytes of free memory, and batches of that size not be small."""
    monkeypatch.setattr(chunked, "SMALL_BYTES", 0)
    monkeypatch.setattr(chunked, "budget", lambda namespace: limit)
    monkeypatch.setattr("gpubp.transforms.jacobian._SMALL", 0)


def outer(x: Any) -> Any:
    """Makes much of little: n^2 numbers on the way from n to one."""
    square = np.matmul(x[:, None], x[None, :])
    return np.sum(np.matmul(np.tanh(square), square))


def sizes_seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of the chunks that run."""
    seen: list[int] = []
    part = chunks.Job.part

    def noted(self: chunks.Job, start: int, stop: int) -> list[Any]:
        seen.append(stop - start)
        return part(self, start, stop)

    monkeypatch.setattr(chunks.Job, "part", noted)
    return seen


def test_all_at_once_where_it_fits(monkeypatch):
    narrow(monkeypatch, 1 << 30)
    seen = sizes_seen(monkeypatch)
    x = np.ones((50, 20))
    np.testing.assert_allclose(gpubp.vmap(outer, chunk_size="auto")(x), gpubp.vmap(outer)(x))
    assert seen == [50]


def test_chunks_fit_what_is_free(monkeypatch):
    x = np.random.default_rng(0).normal(size=(50, 128))
    limit = 30 * 128 * 128 * 8  # all at once takes three times that
    narrow(monkeypatch, limit)
    mapped = gpubp.vmap(outer, chunk_size="auto")
    mapped(x)  # records, plans, measures the device
    seen = sizes_seen(monkeypatch)
    tracemalloc.start()
    found = mapped(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1 <= max(seen) < 50
    assert peak < limit + 3_000_000  # of Python's own objects, the program's among them
    np.testing.assert_allclose(found, [outer(row) for row in x])


def test_what_a_function_closes_over_is_seen_anew(monkeypatch):
    narrow(monkeypatch, 20 * 64 * 64 * 8)
    scale = np.asarray(1.0)
    mapped = gpubp.vmap(lambda x: outer(x) * scale, chunk_size="auto")
    x = np.random.default_rng(0).normal(size=(50, 64))
    before = mapped(x)
    scale = np.asarray(3.0)
    np.testing.assert_allclose(mapped(x), 3 * before)


def test_forecast_is_affine():
    found = forecast.Forecast(gpubp.vmap(outer), [np.ones((5, 64))], [0])
    peaks = [found.plan(n).peak_bytes for n in (2, 10, 18)]
    assert peaks[2] - peaks[1] == pytest.approx(peaks[1] - peaks[0], abs=1024)
    fits = found.fitting(peaks[1], 1000)
    assert found.plan(fits).peak_bytes <= peaks[1] < found.plan(fits + 3).peak_bytes


def test_reserve_is_kept(monkeypatch):
    from gpubp.core.host_memory import MemoryInfo
    from gpubp.core.namespace import namespace_of

    monkeypatch.setattr(type(NUMPY), "memory_info", lambda *_: MemoryInfo(1_000_000_000, 2 << 30))
    left = 900_000_000 - forecast.RESERVED_BYTES
    assert forecast.budget(namespace_of(np.ones(1))) == left


@pytest.mark.parametrize("case", ["mlp", "tied weights", "long sequence"])
def test_per_example_in_chunks(case, monkeypatch, library):
    narrow(monkeypatch, 3000)
    case = CASES[case]
    params, batch, loss = placed(case, library)
    wanted = expected(case)
    compare(per_example.gradients(loss)(params, *batch), wanted, library)
    compare(per_example.norms(loss)(params, *batch), [lengths(wanted)], library)
    compare(per_example.moments(loss)(params, *batch).mean, [g.mean(0) for g in wanted], library)
    for size in (1, 4):
        compare(per_example.norms(loss, size)(params, *batch), [lengths(wanted)], library)
    factors = np.minimum(1.0, 1.0 / lengths(wanted))
    found = per_example.clipped_sum(loss, 1.0, 4)(params, *batch)
    compare(found, [np.tensordot(factors, g, axes=1) for g in wanted], library)


def test_a_limit_for_each_example():
    case = CASES["mlp"]
    params, batch, loss = placed(case, library=NUMPY)
    wanted = expected(case)
    limits = np.linspace(0.1, 3.0, 6)
    factors = np.minimum(1.0, limits / lengths(wanted))
    for size in (None, 4):
        found = per_example.clipped_sum(loss, limits, size)(params, *batch)
        for a, b in zip(gpubp.tree.leaves(found), wanted, strict=True):
            np.testing.assert_allclose(a, np.tensordot(factors, b, axes=1), rtol=1e-9)


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_jacobian_in_chunks(mode, monkeypatch, library):
    x = np.random.default_rng(1).normal(size=(3, 4))
    w = np.random.default_rng(2).normal(size=(4, 5))

    def f(x: Any, w: Any) -> Any:
        xp = x.__array_namespace__()
        return {"a": xp.tanh(x @ w), "b": xp.sum(x * x, axis=0)}

    args = library.asarray(x), library.asarray(w)
    whole = gpubp.jacobian(f, (0, 1), mode, None)(*args)
    narrow(monkeypatch, 6000)
    for options in ({}, {"out": "host"}, {"chunk_size": 2}):
        found = gpubp.jacobian(f, (0, 1), mode, **options)(*args)
        for a, b in zip(gpubp.tree.leaves(found), gpubp.tree.leaves(whole), strict=True):
            host = a if options.get("out") == "host" else library.to_numpy(a)
            assert isinstance(host, np.ndarray)
            np.testing.assert_allclose(host, library.to_numpy(b), rtol=1e-10, atol=1e-12)


def test_hessian_in_chunks(monkeypatch):
    f = lambda x: np.sum(np.tanh(x) ** 3)  # noqa: E731 - one line is what it is
    x = np.linspace(-1, 1, 12)
    whole = gpubp.hessian(f)(x)
    narrow(monkeypatch, 2000)
    np.testing.assert_allclose(gpubp.hessian(f)(x), whole)
    np.testing.assert_allclose(gpubp.hessian(f, chunk_size=5)(x), whole)


def test_functions_that_look_at_values_go_without_a_plan(monkeypatch):
    narrow(monkeypatch, 1)
    scale = np.asarray(2.0)

    def f(x: Any, s: Any) -> Any:
        return x * s if float(np.sum(np.ones(2))) > 1 and bool(s > 1) else x

    found = gpubp.vmap(f, (0, None), chunk_size="auto")(np.ones((3, 2)), scale)
    np.testing.assert_array_equal(found, 2 * np.ones((3, 2)))


class Full:
    """A function that runs out of memory for more than so many examples."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.sizes: list[int] = []

    def __call__(self, leaves: Any) -> Any:
        (x,) = leaves
        self.sizes.append(len(x))
        if len(x) > self.most:
            raise MemoryError("full")
        return x * 2.0


def test_halves_and_keeps_what_is_done(monkeypatch):
    released = []
    monkeypatch.setattr(type(NUMPY), "release_memory", lambda *_: released.append(1))
    f, x = Full(3), np.arange(10.0)
    found = chunked.Chunked("f", 8).joined(f, [x], [0], 10, 0, None)
    np.testing.assert_array_equal(found, 2 * x)
    assert f.sizes == [8, 4, 2, 2, 2, 2, 2]
    assert len(released) == 2


def test_one_example_too_large():
    with pytest.raises(gpubp.errors.OutOfDeviceMemoryError, match="one example alone") as caught:
        chunked.Chunked("f", None).joined(Full(0), [np.ones(4)], [0], 4, 0, None)
    assert isinstance(caught.value, MemoryError)
    assert caught.value.available > 0


def test_other_errors_pass():
    def broken(leaves: Any) -> Any:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        chunked.Chunked("f", 2).joined(broken, [np.ones(4)], [0], 4, 0, None)


def test_iter_chunks(library):
    x = library.asarray(np.arange(10.0).reshape(5, 2))
    found = list(batching.iter_chunks(lambda row: row * 3.0, x, chunk_size=2))
    assert [(part.start, part.stop) for part, _ in found] == [(0, 2), (2, 4), (4, 5)]
    for part, rows in found:
        np.testing.assert_array_equal(
            library.to_numpy(rows), 3 * np.arange(10.0).reshape(5, 2)[part]
        )
    (_, rows), *_ = batching.iter_chunks(lambda row: row, x, chunk_size=3, out="host")
    assert isinstance(rows, np.ndarray)


def test_stream_keeps_no_chunk():
    chunk = batching.iter_chunks(lambda row: row * 2.0, np.ones((4, 1000)), chunk_size=1)
    tracemalloc.start()
    for _ in chunk:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 8000


def test_wrong_arguments():
    with pytest.raises(gpubp.errors.ArgumentError, match="chunk_size=0"):
        gpubp.vmap(outer, chunk_size=0)
    with pytest.raises(gpubp.errors.ArgumentError, match="out='disk'"):
        gpubp.jacobian(outer, out="disk")(np.ones(2))
    with pytest.raises(gpubp.errors.ArgumentError, match="inside of another"):
        gpubp.grad(lambda x: batching.iter_chunks(outer, x))(np.ones((2, 2)))


def faulty() -> dict[str, Any]:
    case = CASES["mlp"]
    _, _, loss = placed(case, NUMPY)
    x = np.linspace(0, 1, 12).reshape(4, 3)
    gradients, clipped = per_example.gradients(loss), per_example.clipped_sum(loss, 1.0)
    return {
        "vmap": lambda: gpubp.vmap(outer, chunk_size="auto")(x),
        "jacobian": lambda: gpubp.jacobian(lambda x: np.tanh(x) @ x.T)(x),
        "hessian": lambda: gpubp.hessian(lambda x: np.sum(np.tanh(x) ** 2))(x[0]),
        "gradients": lambda: gradients(case.params, *case.batch),
        "clipped_sum": lambda: clipped(case.params, *case.batch),
    }


@pytest.mark.parametrize("narrowed", [False, True], ids=["whole", "chunks"])
@pytest.mark.parametrize("name", ["vmap", "jacobian", "hessian", "gradients", "clipped_sum"])
def test_every_allocation_may_fail(name, narrowed, monkeypatch):
    if narrowed:
        narrow(monkeypatch, 8000)
    f = faulty()[name]
    wanted = gpubp.tree.leaves(f())
    tracemalloc.start()
    outcomes = []
    with counted() as memory:
        f()
        total = memory.allocations
        gc.collect()
        before = live()
        for n in range(1, total + 1):
            memory.reset(failing=n)
            outcomes.append(attempt(f, wanted))
        gc.collect()
        after = live()
    tracemalloc.stop()
    assert total > 2
    assert "result" in outcomes
    assert after <= before + 4096  # constants that are made once


def attempt(f: Any, wanted: list[Any]) -> str:
    """Run ``f``, which may only give what is wanted or the library's own error."""
    try:
        found = f()
    except gpubp.errors.OutOfDeviceMemoryError:
        outcome = "error"
    else:
        outcome = "result"
        for a, b in zip(gpubp.tree.leaves(found), wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10)
    assert stack.traces == []
    assert stack.closed is None
    assert stack.recorder is None
    return outcome


PROGRAM = """
import resource, sys
import numpy as np, gpubp
from gpubp.core.host_memory import host_memory

x = np.random.default_rng(0).normal(size=(400, 300)).astype(np.float32)
def f(x):
    return np.sum(np.tanh(x[:, None] * x[None, :]))
gpubp.vmap(f, chunk_size="auto")(x[:2])
gpubp.vmap(f)(x[:2])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (96 << 20), -1))
try:
    gpubp.vmap(f)(x)
except MemoryError:
    print("naive fails")
found = gpubp.vmap(f, chunk_size="auto")(x)
each = np.stack([f(row) for row in x])
print(np.allclose(found, each, rtol=1e-4))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is on Linux's address space")
def test_completes_under_a_limit_where_all_at_once_fails():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.split("\n")[:2] == ["naive fails", "True"], done.stderr
