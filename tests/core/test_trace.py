"""Traces: levels, what ends with them, and what rules are handed."""

import numpy as np
import pytest

import gpubp
from gpubp.core.abstract import ShapeDtype
from gpubp.core.array import Array
from gpubp.core.namespace import namespace_of
from gpubp.core.stack import stack
from gpubp.core.trace import EVALUATION, alike, running
from gpubp.errors import LeakedArrayError
from gpubp.rules.elementwise import add, exp
from gpubp.transforms.tape import Tape

X = np.asarray([1.0, 2.0])


def test_levels_count_what_is_under_way_and_end_with_it():
    seen = []

    def inner(y):
        seen.append(y._trace.level)
        return np.sum(y * y)

    def outer(x):
        seen.append(x._trace.level)
        return np.sum(gpubp.grad(inner)(x))

    gpubp.grad(outer)(X)
    assert seen == [1, 2]
    assert stack.traces == []


@pytest.mark.parametrize("transform", [gpubp.grad, gpubp.vmap, gpubp.jacobian])
def test_nothing_stays_on_the_stack_after_an_error(transform):
    def f(x):
        raise KeyError("the user's own")

    with pytest.raises(KeyError, match="the user's own"):
        transform(f)(X)
    assert stack.traces == []
    assert stack.closed is None


@pytest.mark.parametrize("use", [lambda x: x + 1, lambda x: gpubp.grad(lambda y: np.sum(y * x))(X)])
def test_an_array_that_outlives_its_transformation_says_so(use):
    kept = []

    def f(x):
        kept.append(x)
        return np.sum(x)

    gpubp.grad(f)(X)
    with pytest.raises(LeakedArrayError, match=r"shape \(2,\) was kept .* has_aux=True"):
        use(kept[0])


def test_constants_live_at_level_0_and_leave_as_they_are():
    def f(x):
        one = x.__array_namespace__().ones(2)
        assert one._trace is EVALUATION
        return np.sum(x * one), one

    _, one = gpubp.grad(f, has_aux=True)(X)
    assert type(one) is np.ndarray


def test_a_primitive_answers_with_a_shape_where_any_argument_has_no_value():
    shape = ShapeDtype((3, 1), X.dtype, namespace_of(X))
    found = add(shape, X)
    assert (found.shape, found.dtype) == ((3, 2), X.dtype)
    assert exp(shape).shape == (3, 1)


def test_payloads_are_made_alike_for_operators():
    traced = Array(X, EVALUATION, None)
    shape = ShapeDtype((2,), X.dtype, namespace_of(X))
    raw, same, without, number, pair = alike((X, traced, shape, 2.0, (X, traced)))
    assert type(raw) is Array
    assert raw._value is X
    assert same is traced
    assert without is shape
    assert number == 2.0
    assert [type(x) for x in pair] == [Array, Array]


def test_a_tape_keeps_only_what_the_rules_name():
    with running(Tape()) as tape:
        x = tape.input(X)
        y = np.tanh(x)
        y + 1.0
    _, tanh, plus = tape.nodes
    assert isinstance(tanh.args[0], ShapeDtype)  # tanh's slope is 1 - y * y
    np.testing.assert_array_equal(tanh.y, np.tanh(X))
    assert isinstance(plus.args[0], ShapeDtype)
    assert isinstance(plus.y, ShapeDtype)
