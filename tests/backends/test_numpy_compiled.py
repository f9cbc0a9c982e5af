"""Programs on NumPy: as eager code computes them, in the memory that was planned."""

import threading
import tracemalloc

import numpy as np
import pytest

from compiler.build import Builder, arguments_of
from compiler.programs import PROGRAMS, build
from gpubp.compiler.memory import assign
from gpubp.compiler.passes import optimize
from gpubp.compiler.program import run
from gpubp_numpy.compiled import Executable, tiles, workspace, writes

EVERY = pytest.mark.parametrize("name", PROGRAMS)


def prepare(program, donated=(), fuse=False):
    program = optimize(program, fuse) if fuse else program
    return Executable(program, assign(program, donated, writes, workspace))


@pytest.fixture(params=[1 << 12, 1 << 18, 1 << 30], ids=["small tiles", "tiles", "whole"])
def tile_bytes(request, monkeypatch):
    monkeypatch.setattr(tiles, "TILE_BYTES", request.param)
    tiles.tiling.cache_clear()
    yield
    tiles.tiling.cache_clear()


def same(found, expected, rtol=1e-6):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol)
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None)
        assert np.shape(a) == np.shape(b)


@EVERY
def test_programs_give_what_plain_calls_give(name):
    program = build(name)
    executable = prepare(program)
    inputs = arguments_of(program)
    expected = run(program, inputs)
    for _ in range(2):
        same(executable(inputs), expected)


@EVERY
@pytest.mark.usefixtures("tile_bytes")
def test_fused_programs_give_what_plain_calls_give(name):
    program = build(name)
    executable = prepare(program, fuse=True)
    inputs = arguments_of(program)
    expected = run(program, inputs)
    for _ in range(2):
        same(executable(inputs), expected, rtol=2e-4)


@EVERY
@pytest.mark.parametrize("fuse", [False, True], ids=["as written", "fused"])
def test_the_planned_peak_is_what_a_run_allocates(name, fuse):
    program = build(name)
    inputs = arguments_of(program)
    prepare(program, fuse=fuse)(inputs)  # whatever is loaded or cached on first use
    tracemalloc.start()
    try:
        executable = prepare(program, fuse=fuse)
        results = executable(inputs)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del results
    # Python objects and the pieces in which NumPy casts are there even where no array is.
    assert peak == pytest.approx(executable.plan.peak_bytes, rel=0.05, abs=1 << 18)


@EVERY
def test_arguments_are_not_written_to_unless_donated(name):
    program = build(name)
    inputs = arguments_of(program)
    copies = [np.array(a) for a in inputs]
    prepare(program)(inputs)
    same(inputs, [c if x.shape else float(c) for x, c in zip(program.inputs, copies, strict=True)])


@EVERY
def test_results_survive_the_next_call(name):
    program = build(name)
    executable = prepare(program)
    inputs = arguments_of(program)
    first = executable(inputs)
    kept = [np.array(y) for y in first]
    others = [a + 1 for a in inputs]
    for _ in range(3):
        executable(others)
    same([np.array(y) for y in first], kept)


def test_donated_arguments_come_back_updated():
    program = build("updates")
    inputs = arguments_of(program)
    expected = run(program, inputs)
    found = prepare(program, (0, 1, 2))(inputs)
    same(found, expected)
    assert {id(y) for y in found} == {id(x) for x in inputs[:3]}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x: np.asfortranarray(x),
        lambda x: np.stack([x, x], axis=-1)[..., 0],
        lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
        lambda x: np.frombuffer(b"0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    ],
    ids=["fortran", "strided", "read-only", "misaligned"],
)
@pytest.mark.parametrize("name", ["views", "updates", "products"])
def test_arguments_of_any_layout_are_taken(name, spoil):
    program = build(name)
    inputs = arguments_of(program)
    expected = run(program, inputs)
    donated = (0, 1, 2) if name == "updates" else ()
    same(prepare(program, donated)([spoil(x) for x in inputs]), expected)


def test_threads_may_share_a_program():
    program = build("reductions")
    executable = prepare(program)
    calls = [[x + k for x in arguments_of(program)] for k in range(4)]
    expected = [run(program, inputs) for inputs in calls]
    found = [[] for _ in calls]

    def work(k):
        for _ in range(5):
            found[k].append(executable(calls[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for results, values in zip(found, expected, strict=True):
        for result in results:
            same(result, values)


def test_nothing_warns():
    b = Builder()
    x = b.input(3)
    program = b.returns(b.log(x), b.divide(1.0, x))
    with np.errstate(all="raise"):
        logs, inverses = prepare(program)([np.zeros(3, np.float32)])
    assert np.all(logs == -np.inf)
    assert np.all(inverses == np.inf)
