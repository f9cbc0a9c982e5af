"""Two threads: the same results, with a helper that comes, is late, is busy, or is not there."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from backends.numpy.native.kernels import kernel, step, table
from gpubp_numpy import native
from gpubp_numpy.native import workers
from gpubp_numpy.native.products import blas

if not native.available():
    pytest.skip("llvmlite is not installed", allow_module_level=True)

rng = np.random.default_rng(11)
REPEATS = 50


@pytest.fixture
def second_thread(monkeypatch):
    monkeypatch.setattr(workers, "threads", lambda: 2)
    workers.helper.cache_clear()
    yield workers.helper()
    workers.helper().stop()
    workers.helper.cache_clear()


def draw(*shape):
    return rng.normal(size=shape).astype("float32")


def work():
    """Calls that are long enough to be shared, their buffers, and what those must hold then."""
    x, w = draw(400, 300), draw(300, 200)
    z, k = np.empty((400, 200), np.float32), (native.Gemm("float32", 400, 200, 300, 300, 200, 200))
    wave, (y,) = kernel([z], [step("tanh", 0)], [1])
    sums, (rows, columns, total) = kernel(
        [y],
        [step("sum", 0, over=(1,)), step("sum", 0, over=(0,)), step("sum", 0, over=(0, 1))],
        [1, 2, 3],
    )
    flat, (largest,) = kernel([y.ravel()], [step("exp", 0), step("max", 1, over=(0,))], [2])
    buffers = [x, w, z, y, rows, columns, total, largest]
    calls = [native.Call(k, (0, 1, 2))] if native.products() else []
    if not calls:
        z[:] = x @ w
    calls += [native.Call(wave, (2, 3)), native.Call(sums, (3, 4, 5, 6)), native.Call(flat, (3, 7))]

    def check():
        expected = np.tanh(x.astype("float64") @ w)
        np.testing.assert_allclose(y, expected, 1e-4, 1e-4)
        np.testing.assert_allclose(rows[:, 0], y.sum(1, dtype="float64"), 1e-5, 1e-4)
        np.testing.assert_allclose(columns[0], y.sum(0, dtype="float64"), 1e-5, 1e-4)
        np.testing.assert_allclose(total.item(), y.sum(dtype="float64"), 1e-5, 1e-3)
        np.testing.assert_allclose(largest.item(), np.exp(y.max()), 1e-5)

    return calls, buffers, check


def test_results_are_the_same(second_thread):
    calls, buffers, check = work()
    run = native.segment(calls)
    addresses = table(buffers)
    for _ in range(REPEATS):
        for b in buffers[3:]:
            b[:] = np.nan
        run(addresses.ctypes.data)
        check()


def test_callers_in_several_threads_do_without_a_busy_helper(second_thread):
    failures = []

    def caller():
        try:
            calls, buffers, check = work()
            run, addresses = native.segment(calls), table(buffers)
            for _ in range(REPEATS):
                run(addresses.ctypes.data)
                check()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=caller) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.skipif(blas() is None or blas().threads is None, reason="no OpenBLAS")
def test_blas_has_its_threads_back_after_a_segment(second_thread):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    calls, buffers, _ = work()
    run, addresses = native.segment(calls), table(buffers)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        run(addresses.ctypes.data)
        used = [i for i in threadpoolctl.threadpool_info() if "numpy.libs" in i["filepath"]]
        assert [i["num_threads"] for i in used] == [2] * len(used)


@pytest.mark.parametrize(("asked", "most"), [("1", 1), ("1,2", 1), ("", 10**6), ("many", 10**6)])
def test_threads_are_those_that_the_environment_allows(monkeypatch, asked, most):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert 1 <= workers.threads() <= most


_CHILD = """
import os, sys
sys.path.insert(0, {tests!r})
from backends.numpy.native.test_sharing import work, native, table, workers
workers.threads = lambda: 2
calls, buffers, check = work()
run = native.segment(calls)
run(table(buffers).ctypes.data); check()
pid = os.fork()
if pid == 0:
    run(table(buffers).ctypes.data); check()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_has_a_helper_of_its_own_and_both_end():
    tests = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-c", _CHILD.format(tests=tests)], check=True, env=environment, timeout=60
    )
