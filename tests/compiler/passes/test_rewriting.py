"""Equal operations are one, unused ones none, and constants are computed while compiling."""

import numpy as np
import pytest

import gpubp
from compiler.build import Builder, arguments_of
from compiler.passes.check import names, recorded
from gpubp.compiler.passes import algebra, dead_code, optimize
from gpubp.compiler.passes.rewriting import Rewriter
from gpubp.compiler.program import Value, run


def rewritten(program):
    return dead_code.remove(Rewriter(program, algebra.RULES).run())


def test_equal_operations_are_one():
    b = Builder()
    x = b.input(3)
    program = b.returns(b.add(b.exp(x), b.multiply(b.exp(x), 2.0)))
    assert names(rewritten(program)) == ["exp", "multiply", "add"]


@pytest.mark.parametrize(("n", "m"), [(1, 1.0), (1, True), (0.0, -0.0)])
def test_numbers_of_other_types_and_signs_make_other_operations(n, m):
    b = Builder()
    x = b.input(3, dtype="int64")
    program = b.returns(b.multiply(x, n), b.multiply(x, m))
    inputs = arguments_of(program)
    for y, expected in zip(run(rewritten(program), inputs), run(program, inputs), strict=True):
        assert y.dtype == expected.dtype
        np.testing.assert_array_equal(y, expected)


def test_filled_arrays_of_other_signs_are_others():
    def f(x):
        xp = x.__array_namespace__()
        return xp.copysign(x, xp.full((20,), 0.0)), xp.copysign(x, xp.full((20,), -0.0))

    program, inputs = recorded(f, np.ones(20))
    plus, minus = run(optimize(program), inputs)
    assert plus.tolist() == [1.0] * 20
    assert minus.tolist() == [-1.0] * 20


def test_a_checkpoint_stays():
    def loss(x):
        inner = gpubp.checkpoint(lambda x: np.sin(np.exp(x)))
        return np.sum(inner(x))

    both, _ = recorded(gpubp.value_and_grad(loss), np.ones(30))
    assert names(rewritten(both)).count("exp") == 2


def test_unused_operations_and_constants_go():
    b = Builder()
    x = b.input(3)
    b.exp(b.add(x, b.constant(np.arange(3.0, dtype=np.float32))))
    found = rewritten(b.returns(b.sin(x)))
    assert names(found) == ["sin"]
    assert not found.constants


def test_operations_on_constants_are_done_now():
    b = Builder()
    k = b.constant(np.asarray([0.0, 1.0], np.float32))
    found = rewritten(b.returns(b.add(b.input(2), b.exp(k)), b.exp(k)))
    assert names(found) == ["add"]
    ((value, array),) = found.constants.items()
    assert found.outputs[1] is value
    np.testing.assert_allclose(array, [1.0, np.e], rtol=1e-6)


def test_large_results_of_constants_are_not_stored():
    b = Builder()
    k = b.constant(np.zeros((300, 1), np.float32))
    j = b.constant(np.arange(300, dtype=np.float32))
    found = rewritten(b.returns(b.subtract(j, b.exp(b.add(k, j)))))
    assert max(x.size for x in found.constants.values()) == 300


@pytest.mark.parametrize("kind", ["constant", "full", "zeros", "broadcast"])
def test_arrays_of_one_number_are_that_number(kind):
    def f(x):
        xp = x.__array_namespace__()
        if kind == "constant":
            return x * np.full(40, 3.0, np.float32)
        if kind == "full":
            return x * xp.full((40,), 3.0, dtype=xp.float32)
        if kind == "zeros":
            return x - xp.zeros((1, 40), dtype=xp.float32)[0]
        return x * xp.broadcast_to(xp.full((1,), 3.0, dtype=xp.float32), (40,))

    program, inputs = recorded(f, np.arange(40, dtype=np.float32))
    found = rewritten(program)
    assert names(found) == ([] if kind == "zeros" else ["multiply"])
    assert all(type(a) is not Value or a in found.inputs for o in found.operations for a in o.args)
    np.testing.assert_array_equal(run(found, inputs)[0], run(program, inputs)[0])
