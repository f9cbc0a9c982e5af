"""What may leave a trace: values that are known and discrete; the rest says how to go on."""

import copy
import operator

import numpy as np
import pytest

import gpubp

X = np.asarray([1.0, 2.0])

RUNS = {
    "grad": lambda f, x: gpubp.grad(f)(x),
    "jvp": lambda f, x: gpubp.jvp(f, (x,), (np.ones_like(x),)),
    "vjp": lambda f, x: gpubp.vjp(f, x),
    "vmap": lambda f, x: gpubp.vmap(f)(np.stack([x, x])),
}
known = pytest.mark.parametrize("run", [RUNS["grad"], RUNS["jvp"], RUNS["vjp"]])
every = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


@every
@pytest.mark.parametrize(
    ("convert", "operation"),
    [(float, "float"), (complex, "complex"), (int, "int"), (np.asarray, "np.asarray")],
)
def test_inexact_arrays_do_not_become_numbers(run, convert, operation):
    def f(x):
        convert(x[0])
        return x.__array_namespace__().sum(x)

    with pytest.raises(TypeError) as caught:
        run(f, X)
    message = str(caught.value)
    assert operation in message
    assert "test_conversions.py" in message  # the user's own line
    assert "stop_gradient" in message or "xp" in message  # the remedy


@known
def test_branches_on_known_values(run):
    def f(x):
        y = x.__array_namespace__().sum(x)
        if y > 0 and not (y < 0) and bool(y):
            return y * 3
        raise AssertionError("the other branch")

    run(f, X)


@known
def test_discrete_values_are_known(run):
    def f(x):
        xp = x.__array_namespace__()
        i = xp.argmax(x)
        assert int(i) == 1
        assert operator.index(i) == 1
        assert list(range(3))[i] == 1
        assert float(i) == 1.0
        return x[int(i)] * 2

    run(f, X)


def test_an_unbatched_value_is_known_under_vmap():
    def f(x, s):
        return x * 2 if s > 0 else x

    found = gpubp.vmap(f, in_axes=(0, None))(X, np.asarray(1.0))
    np.testing.assert_allclose(found, 2 * X)


@pytest.mark.parametrize(
    ("ask", "operation"),
    [
        (lambda x, n: bool(x > 0), "bool"),
        (lambda x, n: bool(x), "bool"),
        (lambda x, n: int(n), "int"),
        (lambda x, n: operator.index(n), "index"),
        (lambda x, n: [10, 20, 30][n], "index"),
    ],
)
def test_batched_values_are_not_known(ask, operation):
    with pytest.raises(TypeError) as caught:
        gpubp.vmap(lambda x, n: (ask(x, n), x)[1])(X, np.asarray([0, 1]))
    message = str(caught.value)
    assert operation in message
    assert "test_conversions.py" in message
    assert "where" in message


def test_batched_values_stay_unknown_through_derivatives():
    def g(x):
        return x * x if x > 0 else x

    with pytest.raises(TypeError, match="bool"):
        gpubp.vmap(gpubp.grad(g))(X)
    with pytest.raises(TypeError, match="bool"):
        gpubp.grad(lambda x: gpubp.vmap(g)(x).__array_namespace__().sum(x))(X)


def test_dlpack_is_refused_with_the_reason():
    with pytest.raises((TypeError, BufferError), match=r"DLPack|dlpack"):
        gpubp.grad(lambda x: np.from_dlpack(x).sum())(X)


def test_array_namespace_of_a_traced_and_a_raw_array_says_what_to_write():
    import array_api_compat

    def f(x):
        return array_api_compat.array_namespace(x, X).sum(x)

    with pytest.raises(TypeError, match="asarray"):
        gpubp.grad(f)(X)


def test_one_namespace_at_every_level():
    seen = []

    def f(x):
        seen.append(x.__array_namespace__())
        return x.__array_namespace__().sum(x * x)

    gpubp.grad(f)(X)
    gpubp.hessian(f)(X)
    gpubp.vmap(gpubp.grad(f))(np.stack([X, X]))
    assert len(set(map(id, seen))) == 1
    assert hash(seen[0]) is not None
    assert seen[0].__name__


def test_unknown_functions_suggest_a_known_one():
    with pytest.raises(AttributeError, match="cumulative_sum"):
        gpubp.grad(lambda x: x.__array_namespace__().cumulativ_sum(x))(X)


def test_a_method_that_the_library_lacks_names_the_function():
    torch = pytest.importorskip("torch")
    with pytest.raises(AttributeError, match=r"no method 'sum' here; write xp\.sum\(x\)"):
        gpubp.grad(lambda x: x.sum())(torch.ones(2))


def test_attributes_of_a_traced_array():
    def f(x):
        assert x.shape == (2, 1)
        assert (x.ndim, x.size) == (2, 2)
        assert x.dtype == np.float64
        assert x.T.shape == (1, 2)
        assert len(x) == 2
        assert [row.shape for row in x] == [(1,), (1,)]
        assert "2" in repr(x)
        return x.__array_namespace__().sum(x)

    gpubp.grad(f)(X[:, None])


def test_methods_that_only_numpy_arrays_have():
    def f(x):
        return (x.reshape(2, 1) * x.mean()).sum() + x.astype("float64").max() + x.dot(x)

    expected = gpubp.jacfwd(f)(X)
    np.testing.assert_allclose(gpubp.grad(f)(X), expected)
    np.testing.assert_allclose(gpubp.vmap(f)(np.stack([X, 2 * X]))[0], f(X))


def test_arrays_of_two_libraries_are_refused_by_name():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"matmul at .*torch on cpu and numpy on cpu; bring them"):
        gpubp.grad(lambda a: a @ np.ones((3, 1)))(torch.ones(1, 3))


def test_arrays_of_two_devices_are_refused_by_name():
    strict = pytest.importorskip("array_api_strict")
    x = strict.ones(3)
    there = strict.ones(3, device=strict.Device("device1"))
    with pytest.raises(TypeError, match=r"add at .*CPU_DEVICE.* and .*device1.*; bring them"):
        gpubp.grad(lambda a: a + there)(x)


def test_a_deep_copy_is_another_array():
    def f(x):
        y = copy.deepcopy(x)
        y[0] = 5.0
        return x[0] * y[1]

    np.testing.assert_allclose(gpubp.grad(f)(np.asarray([2.0, 3.0])), [3.0, 2.0])


def test_a_raw_array_takes_a_traced_integer_index():
    table = np.asarray([10.0, 20.0, 30.0])
    found = gpubp.grad(lambda x: np.sum(table[np.argsort(x)] * x))(np.asarray([3.0, 1.0, 2.0]))
    np.testing.assert_allclose(found, [20.0, 30.0, 10.0])
