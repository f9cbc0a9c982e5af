"""Python numbers among the arguments are inputs of a program, and stay weakly typed."""

import operator

import numpy as np
import pytest

import gpubp
from gpubp.compiler.record import OnNumbers
from gpubp.core.primitive import PRIMITIVES

OPERATORS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "pow": operator.pow,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
UNARY = {"negative": operator.neg, "positive": operator.pos, "abs_real": abs}


def test_every_operator_stands_here():
    names = {p.on_arrays for p in PRIMITIVES.values() if isinstance(p, OnNumbers)}
    assert names == {*OPERATORS, *UNARY}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(("a", "b"), [(7, 3), (2.5, 2), (-1.5, 0.25)])
def test_operators_on_numbers_alone(name, a, b):
    compiled = gpubp.compile(OPERATORS[name])
    for _ in range(2):
        found = compiled(a, b)
        assert found == OPERATORS[name](a, b)
        assert type(found) is type(OPERATORS[name](a, b))


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("a", [3, -2.5])
def test_unary_operators(name, a):
    found = gpubp.compile(UNARY[name])(a)
    assert found == UNARY[name](a)
    assert type(found) is type(a)


def test_another_number_needs_no_other_program():
    scale = gpubp.compile(lambda x, rate: x * rate)
    for rate in (0.5, 2.0, -1.0):
        np.testing.assert_array_equal(scale(np.ones(2), rate), np.full(2, rate))
    assert len(scale.programs) == 1


def test_numbers_take_on_the_dtype_of_the_array():
    found = gpubp.compile(lambda x, rate: x * (2 * rate) + rate / 3)(np.ones(2, np.float32), 0.5)
    assert found.dtype == np.float32


def test_gradient_by_a_number():
    f = gpubp.grad(lambda rate, x: (x * rate**3).sum())
    x = np.asarray([1.0, 2.0])
    np.testing.assert_allclose(gpubp.compile(f)(2.0, x), f(2.0, x))


def test_functions_of_numbers_are_of_arrays():
    def f(x, rate):
        xp = x.__array_namespace__()
        return x + xp.where(rate > 1, 1.0, 2.0)

    np.testing.assert_array_equal(gpubp.compile(f)(np.zeros(2), 0.5), [2.0, 2.0])
    np.testing.assert_array_equal(gpubp.compile(f)(np.zeros(2), 1.5), [1.0, 1.0])
