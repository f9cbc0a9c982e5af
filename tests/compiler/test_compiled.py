"""gpubp.compile as users meet it: what it records, when again, and what it refuses."""

import numpy as np
import pytest

import gpubp
from gpubp import errors
from gpubp.compiler import compiled as module


def test_one_program_for_each_kind_of_arguments():
    traced = []

    @gpubp.compile
    def f(tree):
        traced.append(1)
        return tree["x"] * 2

    for x in (np.ones(2), np.ones(2), np.ones(3), np.ones(2, np.float32), np.ones((1, 2))):
        np.testing.assert_array_equal(f({"x": x}), x * 2)
    assert len(traced) == len(f.programs) == 4
    f({"x": np.ones(2), "y": None})
    assert len(traced) == 5


def test_static_arguments_are_seen_by_python():
    @gpubp.compile
    def f(x, name):  # a string is always static
        return {name: x}

    assert list(f(np.ones(1), "a")) == ["a"]

    def power(x, n):
        return x**0 if n == 0 else x * power(x, n - 1)

    g = gpubp.compile(power, static_argnums=1)
    assert [float(g(np.asarray(2.0), n)) for n in (0, 3, 5, 3)] == [1.0, 8.0, 32.0, 8.0]
    assert len(g.programs) == 3
    assert float(gpubp.compile(power, static_argnums=-1)(np.asarray(2.0), 4)) == 16.0


def test_unhashable_static_argument():
    with pytest.raises(errors.ArgumentError, match=r"static argument 1 of .* is a list"):
        gpubp.compile(lambda x, n: x, static_argnums=1)(np.ones(1), [1])


def test_keywords_methods_and_aux_results():
    class Model:
        @gpubp.compile
        def scaled(self, x, *, by):
            return {"y": x * by, "name": "scaled", "none": None}

    assert Model.scaled.__name__ == "scaled"
    found = Model().scaled(np.ones(2), by=3.0)
    np.testing.assert_array_equal(found["y"], [3.0, 3.0])
    assert found["name"] == "scaled"
    assert found["none"] is None


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x[x > 0],
        lambda x: x[: int((x > 0).sum())],
    ],
)
def test_what_needs_a_value_is_named_with_its_line(f):
    with pytest.raises(errors.UnknownValueError, match=r"test_compiled\.py:\d+"):
        gpubp.compile(f)(np.ones(3))


def test_float_of_a_recorded_array():
    with pytest.raises(errors.ConversionError, match=r"test_compiled\.py:\d+"):
        gpubp.compile(lambda x: float(x.sum()))(np.ones(3))


def test_a_failed_recording_leaves_nothing_behind():
    f = gpubp.compile(lambda x: x[x > 0])
    with pytest.raises(errors.UnknownValueError):
        f(np.ones(3))
    assert not f.programs
    assert gpubp.grad(lambda x: (x[x > 0] ** 2).sum())(np.ones(2)).tolist() == [2.0, 2.0]


def test_programs_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "PROGRAMS", 2)
    f = gpubp.compile(lambda x: x + 1)
    for n in (1, 2, 1, 3):
        f(np.ones(n))
    assert [key[2][0][0] for key in f.programs] == [(1,), (3,)]  # (2,) was unused for longest


def test_closed_over_arrays_of_an_enclosing_transformation():
    x, w = np.asarray([0.1, 0.2]), np.asarray(0.5)

    def outer(w):
        return gpubp.compile(lambda y: np.sum(np.sin(y * w)))(x)

    np.testing.assert_allclose(gpubp.grad(outer)(w), np.sum(x * np.cos(x * w)))


def test_random_numbers_by_key():
    f = gpubp.compile(lambda key: gpubp.random.normal(key, (5,)))
    for seed in (0, 1, 0):
        key = gpubp.random.key(seed, backend="numpy")
        np.testing.assert_allclose(f(key), gpubp.random.normal(key, (5,)), rtol=1e-14)


def test_compiled_inside_compiled_is_one_program():
    inner = gpubp.compile(lambda x: np.tanh(x))
    outer = gpubp.compile(lambda x: inner(x) + inner(2 * x))
    x = np.asarray([0.3])
    np.testing.assert_allclose(outer(x), np.tanh(x) + np.tanh(2 * x))
    assert not inner.programs


def test_a_checkpoints_second_run_is_not_the_first():
    def f(x):
        return np.sum(gpubp.checkpoint(lambda y: np.sin(np.exp(y)))(x))

    compiled = gpubp.compile(gpubp.grad(f))
    x = np.asarray([0.1, 0.2])
    np.testing.assert_allclose(compiled(x), np.cos(np.exp(x)) * np.exp(x))
    (recorded,) = compiled.programs.values()
    regions = {o.region for o in recorded.program.operations if o.primitive.name == "exp"}
    assert len(regions) == 2


def test_donate_names_an_argument_that_is_not_there():
    with pytest.raises(errors.ArgumentError, match="donate=\\(2,\\)"):
        gpubp.compile(lambda x: x, donate=2)(np.ones(1))


def test_large_constants_are_operations():
    compiled = gpubp.compile(lambda x: x + np.zeros_like(x))
    compiled(np.ones(100))
    (recorded,) = compiled.programs.values()
    assert not recorded.program.constants


@pytest.mark.parametrize("nested", [gpubp.hessian, gpubp.jacfwd, gpubp.jacrev, gpubp.grad])
def test_derivatives_of_a_compiled_function(nested):
    def f(x):
        return np.sum(np.tanh(x) ** 3)

    x = np.asarray([0.1, -0.4])
    np.testing.assert_allclose(nested(gpubp.compile(f))(x), nested(f)(x))
    np.testing.assert_allclose(gpubp.compile(nested(gpubp.compile(f)))(x), nested(f)(x))


def test_vmap_of_a_compiled_function():
    def f(w, x):
        return np.sum(np.tanh(x @ w))

    w, x = np.ones((3, 2)) / 7, np.linspace(0, 1, 12).reshape(4, 3)
    compiled = gpubp.compile(f)
    np.testing.assert_allclose(
        gpubp.vmap(gpubp.grad(compiled), in_axes=(None, 0))(w, x),
        gpubp.vmap(gpubp.grad(f), in_axes=(None, 0))(w, x),
    )
    np.testing.assert_allclose(
        gpubp.grad(lambda w: gpubp.vmap(compiled, in_axes=(None, 0))(w, x).sum())(w),
        gpubp.grad(lambda w: gpubp.vmap(f, in_axes=(None, 0))(w, x).sum())(w),
    )


@pytest.mark.parametrize("library", ["numpy", "array_api_strict"])
def test_calls_of_another_kind_find_their_own_program(library):
    xp = gpubp.get_backend(library).xp
    compiled = gpubp.compile(lambda x, n: x * n)
    calls = [
        (xp.ones(3), 2.0),
        (xp.ones(3), 3.0),
        (xp.ones(4), 3.0),
        (xp.ones(3, dtype=xp.float32), 3.0),
        (xp.ones(3), 3),
        (xp.ones(3), xp.ones(3)),
        (xp.ones(3), 2.0),
    ]
    for x, n in calls:
        y, expected = compiled(x, n), x * n
        assert type(y) is type(expected)
        assert y.dtype == expected.dtype
        assert y.shape == expected.shape
        assert bool(xp.all(y == expected))
    assert len(compiled.programs) == 5


def test_a_compiled_function_called_again_inside_a_transformation_is_traced():
    compiled = gpubp.compile(lambda x: np.sum(x * x))
    x = np.asarray([1.0, 2.0])
    for _ in range(2):
        assert compiled(x) == 5.0
        np.testing.assert_allclose(gpubp.grad(compiled)(x), 2 * x)
        assert gpubp.grad(lambda w: w * compiled(x))(np.asarray(3.0)) == 5.0
