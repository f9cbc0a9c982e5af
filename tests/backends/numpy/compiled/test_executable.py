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
from gpubp_numpy import native
from gpubp_numpy.compiled import Executable, sharing, tiles, workspace, writes

MACHINE = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
EVERY = pytest.mark.parametrize("name", PROGRAMS)


def prepare(program, donated=(), fuse=False, machine=False):
    program = optimize(program, fuse) if fuse else program
    return Executable(program, assign(program, donated, writes, workspace), machine)


@pytest.fixture(params=[1, 1 << 60], ids=["two threads", "one thread"])
def shared(request, monkeypatch):
    monkeypatch.setattr(sharing, "WORTH_SHARING", request.param)
    monkeypatch.setattr(sharing, "_cores", lambda: 2)


@pytest.fixture(params=[1 << 12, 1 << 18, 1 << 30], ids=["small tiles", "tiles", "whole"])
def tile_bytes(request, monkeypatch):
    monkeypatch.setattr(tiles, "TILE_BYTES", request.param)
    monkeypatch.setattr(tiles, "TILE_ELEMENTS", 1 << 8)
    tiles.tiling.cache_clear()
    yield
    tiles.tiling.cache_clear()


def same(found, expected, rtol=1e-6):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol / 100)
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
@pytest.mark.usefixtures("tile_bytes", "shared")
def test_fused_programs_give_what_plain_calls_give(name):
    program = build(name)
    executable = prepare(program, fuse=True)
    inputs = arguments_of(program)
    expected = run(program, inputs)
    for _ in range(2):
        same(executable(inputs), expected, rtol=2e-4)


def machine(program, donated=()):
    """The executable once it runs machine code."""
    executable = prepare(program, donated, fuse=True, machine=True)
    (bound,) = executable.idle
    if bound.machine is not None:
        for segment in bound.machine.source.segments:
            segment.wait()
        bound.change()
    assert bound.machine is None
    return executable


@EVERY
@MACHINE
def test_machine_code_gives_what_plain_calls_give(name):
    program = build(name)
    inputs = arguments_of(program)
    expected = run(program, inputs)
    executable = machine(program)
    for _ in range(3):
        same(executable(inputs), expected, rtol=2e-4)
    others = [x * 1.01 for x in inputs]
    expected = run(program, others)
    same(executable(others), expected, rtol=2e-4)


@MACHINE
def test_machine_code_leaves_the_results_of_earlier_calls_alone():
    program = small()
    executable = machine(program)
    calls = [arguments_of(program, seed) for seed in range(8)]
    found = [executable(inputs) for inputs in calls]
    for results, inputs in zip(found, calls, strict=True):
        same(results, run(program, inputs), rtol=2e-4)
    parts = [executable(inputs)[0][1:] for inputs in calls]
    for part, inputs in zip(parts, calls, strict=True):
        same([part], [run(program, inputs)[0][1:]], rtol=2e-4)


def small():
    b = Builder()
    x, w = b.input(4, 3), b.input(3, 5)
    y = b.tanh(b.matmul(x, w))
    return b.returns(y, b.sum(y, axis=(0, 1), keepdims=False))


@MACHINE
@pytest.mark.parametrize("donated", [(), (0, 1, 2)], ids=["kept", "donated"])
def test_steps_in_a_row_are_those_of_plain_calls(donated):
    program = build("updates")
    executable = machine(program, donated)
    p, m, v, g = arguments_of(program)
    expected = [np.array(x) for x in (p, m, v)]
    for _ in range(4):
        p, m, v = executable([p, m, v, g])
        expected = run(program, [*expected, g])
        same([p, m, v], expected, rtol=2e-4)


@MACHINE
def test_an_argument_that_is_given_twice_is_not_overwritten():
    program = build("updates")
    p, m, v, g = arguments_of(program)
    for prepared in (prepare(program, (0, 1, 2)), machine(program, (0, 1, 2))):
        given = [np.array(p), np.array(m), np.array(v)]
        expected = run(program, [*given, given[1]])
        same(prepared([*given, given[1]]), expected, rtol=2e-4)
        whole = np.array(p)
        part = whole[:]
        expected = run(program, [p, m, v, p])
        for last in (g, whole):  # the donated view is known when its base comes
            whole[...] = p
            found = prepared([part, m.copy(), v.copy(), last])
        same(found, expected, rtol=2e-4)
        given = np.stack([p, m, v, g])
        expected = run(program, given)
        same(prepared([given[0], given[1], given[2], given[1]]), run(program, [p, m, v, m]), 2e-4)


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


@pytest.mark.parametrize("fuse", [False, True], ids=["as written", "fused"])
@pytest.mark.parametrize("size", [3, 1 << 20])
@pytest.mark.usefixtures("shared")
def test_nothing_warns(size, fuse):
    b = Builder()
    x = b.input(size)
    program = b.returns(b.log(x), b.divide(1.0, x))
    with np.errstate(all="raise"):
        logs, inverses = prepare(program, fuse=fuse)([np.zeros(size, np.float32)])
    assert np.all(logs == -np.inf)
    assert np.all(inverses == np.inf)
