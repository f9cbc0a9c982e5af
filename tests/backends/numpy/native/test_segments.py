"""Segments: several steps in one call, products by NumPy's BLAS, and what is kept on disk."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends.numpy.native.kernels import kernel, step, table
from gpubp_numpy import native
from gpubp_numpy.native import cache
from gpubp_numpy.native.target import Target
from gpubp_numpy.native.writing import write

if not native.available():
    pytest.skip("llvmlite is not installed", allow_module_level=True)

rng = np.random.default_rng(5)
with_products = pytest.mark.skipif(not native.products(), reason="NumPy's BLAS was not found")


def draw(*shape, dtype="float32"):
    return rng.normal(size=shape).astype(dtype)


def call(calls, buffers):
    native.segment(calls)(table(buffers).ctypes.data)


@with_products
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transpose", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.5, 1.0), (-2.0, 3.0)])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (1, 1, 1), (70, 33, 40), (3, 4, 0)], ids=str)
def test_product(sizes, transpose, alpha, beta, dtype):
    m, n, k = sizes
    a = draw(*((k, m) if transpose[0] else (m, k)), dtype=dtype)
    b = draw(*((n, k) if transpose[1] else (k, n)), dtype=dtype)
    c = draw(m, n, dtype=dtype) if beta else np.full((m, n), np.nan, dtype)
    reference = alpha * (a.T if transpose[0] else a) @ (b.T if transpose[1] else b)
    if beta:
        reference = reference + beta * c
    gemm = native.Gemm(
        dtype, m, n, k, a.shape[1], b.shape[1], n, *transpose, alpha=alpha, beta=beta
    )
    call([native.Call(gemm, (0, 1, 2))], [a, b, c])
    np.testing.assert_allclose(c, reference, 1e-4, 1e-4)


@with_products
def test_batch_of_products_in_parts_of_larger_matrices():
    a, b, c = draw(5, 8, 20), draw(5, 20, 9), np.zeros((5, 6, 12), np.float32)
    gemm = native.Gemm(
        "float32", 4, 7, 10, 20, 9, 12,
        offsets=(20 * 2 + 3, 9 * 4 + 1, 12 + 2), batch=5, steps=(8 * 20, 20 * 9, 6 * 12),
    )  # fmt: skip
    call([native.Call(gemm, (0, 1, 2))], [a, b, c])
    reference = np.zeros_like(c)
    reference[:, 1:5, 2:9] = a[:, 2:6, 3:13] @ b[:, 4:14, 1:8]
    np.testing.assert_allclose(c, reference, 1e-5, 1e-5)


@with_products
def test_one_layer_and_its_loss_in_one_call():
    x, w, b = draw(12, 20), draw(20, 30), draw(30)
    z = np.empty((12, 30), np.float32)
    layer, (y,) = kernel([z, b], [step("add", 0, 1), step("tanh", 2)], [3])
    loss, (total,) = kernel([y], [step("square", 0), step("sum", 1, over=(0, 1))], [2])
    calls = [
        native.Call(native.Gemm("float32", 12, 30, 20, 20, 30, 30), (0, 1, 3)),
        native.Call(layer, (3, 2, 4)),
        native.Call(loss, (4, 5)),
    ]
    call(calls, [x, w, b, z, y, total])
    np.testing.assert_allclose(y, np.tanh(x @ w + b), 1e-5, 1e-5)
    np.testing.assert_allclose(total.item(), np.square(y).sum(), 1e-5)


def some_kernel(number):
    x = draw(50)
    found, (y,) = kernel([x], [step("multiply", 0, (float(number),))], [1])
    return found, x, y


def test_compiling_in_the_background():
    found, x, y = some_kernel(2)
    run = native.segment([native.Call(found, (0, 1))], background=True)
    run.wait()
    assert run.ready()
    run(table([x, y]).ctypes.data)
    np.testing.assert_array_equal(y, 2 * x)


def test_many_that_wait_are_one_thread_and_nobodys_are_not_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUBP_CACHE_DIR", str(tmp_path))
    waiting = [
        (native.segment([native.Call(found, (0, 1))], background=True), x, y, number)
        for number in range(100, 130)
        for found, x, y in [some_kernel(number)]
    ]
    compilers = [t for t in threading.enumerate() if t.name == "gpubp compiler"]
    assert len(compilers) <= 1
    dropped = waiting[10:]
    del waiting[10:], dropped
    for run, x, y, number in waiting:
        run.wait()
        run(table([x, y]).ctypes.data)
        np.testing.assert_array_equal(y, np.float32(number) * x)
    for thread in compilers:
        thread.join()
    # The one at work when they were dropped was still finished, and some may have been before.
    assert len(list(cache.folder().iterdir())) < 30


@pytest.mark.parametrize("damage", [b"", b"damaged", None], ids=["empty", "other bytes", "absent"])
def test_cache_on_disk(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("GPUBP_CACHE_DIR", str(tmp_path))
    found, x, y = some_kernel(3)
    call([native.Call(found, (0, 1))], [x, y])
    (entry,) = cache.folder().iterdir()
    whole = entry.read_bytes()
    if damage is None:
        entry.unlink()
    else:
        entry.write_bytes(damage + whole[len(damage) : -1] if damage else b"")
    y[:] = 0
    call([native.Call(found, (0, 1))], [x, y])
    np.testing.assert_array_equal(y, 3 * x)
    assert entry.read_bytes() == whole  # written again


def test_cache_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUBP_CACHE_DIR", str(tmp_path))
    found, x, y = some_kernel(4)
    calls = [native.Call(found, (0, 1))]
    call(calls, [x, y])
    monkeypatch.setattr(Target, "object_code", None)
    y[:] = 0
    call(calls, [x, y])
    np.testing.assert_array_equal(y, 4 * x)


def test_the_cache_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUBP_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "_MOST", 8)
    for number in range(20):
        cache.store(f"entry{number}", b"code")
        os.utime(cache.folder() / f"entry{number}", (number, number))
    kept = {path.name for path in cache.folder().iterdir()}
    assert len(kept) <= 8
    assert "entry19" in kept
    assert cache.load("entry19") == b"code"


def test_a_process_may_end_while_it_compiles(tmp_path):
    code = """
import sys; sys.path.insert(0, sys.argv[1])
from backends.numpy.native.test_segments import native, some_kernel
native.segment([native.Call(some_kernel(6)[0], (0, 1))], background=True)
"""
    tests = Path(__file__).parents[3]
    environment = {**os.environ, "GPUBP_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code, tests], env=environment, timeout=60)
    assert done.returncode == 0


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GPUBP_CACHE_DIR", str(tmp_path / "file"))
    found, x, y = some_kernel(5)
    call([native.Call(found, (0, 1))], [x, y])
    np.testing.assert_array_equal(y, 5 * x)


def test_steps_that_differ_in_their_buffers_are_compiled_once():
    memory = draw(100)
    x, y, z = memory[:50], memory[50:], np.zeros(50, np.float32)
    found, _ = kernel([x, y], [step("subtract", 0, 1)], [2])
    moved = replace(found, inputs=(found.inputs[0], replace(found.inputs[1], offset=50)))
    calls = [native.Call(moved, (0, 0, 1)), native.Call(found, (2, 1, 1))]
    assert len(write(calls).text) < 1.5 * len(write(calls[:1]).text)
    call(calls, [memory, z, z])
    np.testing.assert_array_equal(z, z - z)
    call(calls[:1], [memory, z])
    np.testing.assert_array_equal(z, x - y)


def test_an_output_behind_its_input_in_one_buffer_is_not_in_place():
    memory = draw(2, 30, 70)
    x, y = memory
    found, _ = kernel([x], SOFTMAX, [5])
    ((value, place),) = found.outputs
    moved = replace(found, outputs=((value, replace(place, offset=30 * 70)),))
    reference = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    call([native.Call(moved, (0, 0))], [memory])
    np.testing.assert_allclose(y, reference, 1e-5)
    call([native.Call(found, (0, 0))], [memory])  # and this one is
    np.testing.assert_allclose(x, reference, 1e-5)


SOFTMAX = [
    step("max", 0, over=(1,)),
    step("subtract", 0, 1),
    step("exp", 2),
    step("sum", 3, over=(1,)),
    step("divide", 3, 4),
]
