"""Assignment is functional underneath: the caller's arrays stay, views and bases keep up."""

import numpy as np
import pytest

import gpubp
from gpubp.errors import AliasedWriteError

X = np.asarray([1.0, 2.0, 3.0])


def gradient(f, x=X):
    return gpubp.grad(f)(x)


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.__setitem__(0, 5.0),
        lambda x: x.__setitem__(slice(1, None), x[:2]),
        lambda x: x.__iadd__(1.0),
        lambda x: x.__imul__(2.0),
        lambda x: x[1:].__imul__(2.0),
        lambda x: x.__setitem__(x > 1.5, 0.0),
    ],
)
def test_the_callers_array_is_never_changed(write):
    def f(x):
        write(x)
        return x.__array_namespace__().sum(x * x)

    x = X.copy()
    gpubp.grad(f)(x)
    gpubp.jvp(f, (x,), (np.ones(3),))
    gpubp.vjp(f, x)
    gpubp.vmap(f)(x[None, :])
    np.testing.assert_array_equal(x, X)


def test_the_callers_other_arguments_are_never_changed():
    y = np.zeros(3)

    def f(x, y):
        y[0] = x[0] ** 2
        y += x
        return y.__array_namespace__().sum(y)

    np.testing.assert_allclose(gpubp.grad(f)(X, y), [3.0, 1.0, 1.0])
    np.testing.assert_array_equal(y, np.zeros(3))


def test_overwritten_entries_have_no_gradient():
    def f(x):
        x[1] = 7.0
        return x.__array_namespace__().sum(x * x)

    np.testing.assert_allclose(gradient(f), [2.0, 0.0, 6.0])


def test_a_copy_does_not_follow():
    def f(x):
        xp = x.__array_namespace__()
        y = xp.asarray(x, copy=True)
        y[0] = 0.0
        return xp.sum(x * x)

    np.testing.assert_allclose(gradient(f), 2 * X)


def test_a_second_name_follows():
    def f(x):
        y = x
        y[0] = 0.0
        return x.__array_namespace__().sum(x * x)

    np.testing.assert_allclose(gradient(f), [0.0, 4.0, 6.0])


def test_plus_equals_makes_no_new_array_but_plus_does():
    def f(x):
        y = x
        y += 1.0  # x follows
        z = y
        z = z + 1.0  # y does not
        return x.__array_namespace__().sum(x * y * z)

    np.testing.assert_allclose(gradient(f), 2 * (X + 1) * (X + 2) + (X + 1) ** 2)


def test_a_view_writes_to_its_base():
    def f(x):
        xp = x.__array_namespace__()
        y = x * 1.0
        view = y[1:]
        view[0] = x[0] * 10.0
        return xp.sum(y * y)

    np.testing.assert_allclose(gradient(f), [2 + 200.0, 0.0, 6.0])


def test_a_view_of_a_view_writes_to_its_base():
    def f(x):
        y = x * 1.0
        y[1:][1:][0] = x[0]
        return y.__array_namespace__().sum(y * y)

    np.testing.assert_allclose(gradient(f), [4.0, 4.0, 0.0])


def test_a_view_sees_a_write_to_its_base():
    def f(x):
        y = x * 1.0
        view = y[1:]
        y[1] = x[0] * 3.0
        return view.__array_namespace__().sum(view)

    np.testing.assert_allclose(gradient(f), [3.0, 0.0, 1.0])


def test_two_views_see_each_other():
    def f(x):
        y = x * 1.0
        a, b = y[:2], y[1:]
        a[1] = x[0] * 3.0
        return b.__array_namespace__().sum(b)

    np.testing.assert_allclose(gradient(f), [3.0, 0.0, 1.0])


def test_in_place_arithmetic_on_a_view():
    def f(x):
        y = x * 1.0
        row = y[:2]
        row *= 5.0
        return y.__array_namespace__().sum(y)

    np.testing.assert_allclose(gradient(f), [5.0, 5.0, 1.0])


def test_an_index_array_makes_a_copy():
    def f(x):
        xp = x.__array_namespace__()
        y = x * 1.0
        part = y[xp.asarray([0, 1])]
        part[0] = 0.0
        return xp.sum(y)

    np.testing.assert_allclose(gradient(f), np.ones(3))


def test_a_write_to_an_outer_array_from_inside_raises():
    def outer(x):
        y = x * 1.0

        def inner(z):
            y[0] = z[0]
            return z.__array_namespace__().sum(z)

        gpubp.grad(inner)(x)
        return y.__array_namespace__().sum(y)

    with pytest.raises(AliasedWriteError, match="copy"):
        gpubp.grad(outer)(X)


def test_a_write_to_a_view_of_an_outer_array_raises():
    def outer(x):
        y = x * 1.0

        def inner(z):
            y[1:][0] = z[0]
            return z.__array_namespace__().sum(z)

        gpubp.vmap(inner)(x[None, :])
        return y.__array_namespace__().sum(y)

    with pytest.raises(AliasedWriteError):
        gpubp.grad(outer)(X)


def test_a_batched_value_into_an_unbatched_array():
    def f(v):
        xp = v.__array_namespace__()
        y = xp.zeros((2,))
        y[0] = v
        return y

    np.testing.assert_allclose(gpubp.vmap(f)(X), np.stack([X, 0 * X], axis=1))


def test_a_written_array_differentiates_to_second_order():
    def f(x):
        x[1] = x[0] * x[2]
        return x.__array_namespace__().sum(x**2)

    h = gpubp.hessian(f)(X)
    a, c = X[0], X[2]
    np.testing.assert_allclose(
        h, [[2 + 2 * c * c, 0, 4 * a * c], [0, 0, 0], [4 * a * c, 0, 2 + 2 * a * a]]
    )


def test_shapes_that_do_not_fit():
    with pytest.raises((ValueError, TypeError)):
        gradient(lambda x: x.__setitem__(slice(0, 2), np.zeros(3)))

    def grow(x):
        x += np.zeros((2, 3))
        return x.sum()

    with pytest.raises((ValueError, TypeError), match="shape"):
        gradient(grow)


def test_an_index_out_of_range():
    with pytest.raises(IndexError):
        gradient(lambda x: x[3])
    with pytest.raises(IndexError):
        gradient(lambda x: x.__setitem__(3, 1.0))


def test_raw_arrays_take_traced_values_only_through_the_namespace():
    """`np_array[0] = traced` would lose the derivative, so it raises."""

    def f(x):
        buffer = np.zeros(3)
        buffer[0] = x[0]
        return x.__array_namespace__().sum(x)

    with pytest.raises((TypeError, ValueError)):
        gradient(f)


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (1,), (3, 2), (2, 3, 1)])
def test_a_mask_of_another_shape_is_no_mask(shape):
    """NumPy does not broadcast masks; neither reading nor writing may."""
    x, mask = np.ones((2, 3)), np.ones(shape, dtype=bool)
    with pytest.raises(IndexError):
        x[mask]
    with pytest.raises(IndexError, match=r"mask|indices"):
        gradient(lambda x: x[mask].sum(), x)
    with pytest.raises(IndexError, match=r"mask|indices"):
        gradient(lambda x: (x.__setitem__(mask, 0.0), x.sum())[1], x)
    with pytest.raises(IndexError, match=r"mask|indices"):
        gradient(lambda x: (x.__setitem__((mask, Ellipsis), 0.0), x.sum())[1], x)


@pytest.mark.parametrize("mask", [True, False])
def test_a_boolean_number_chooses_along_a_new_axis(mask):
    out, pullback = gpubp.vjp(lambda x: x[mask], X)
    np.testing.assert_array_equal(out, X[mask])
    np.testing.assert_array_equal(pullback(np.ones(out.shape))[0], np.full(3, float(mask)))


def test_a_0d_array_is_written_by_its_own_mask():
    def relu(x):
        x[x < 0] = 0.0
        return x * 1.0

    np.testing.assert_array_equal(gpubp.grad(relu)(np.asarray(-2.0)), 0.0)
    np.testing.assert_array_equal(gpubp.grad(relu)(np.asarray(2.0)), 1.0)
    np.testing.assert_array_equal(gpubp.vmap(gpubp.grad(relu))(X - 2), [0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "write",
    [
        lambda y: y[0].__setitem__(1, 7.0),
        lambda y: y[np.int64(1)].__imul__(3.0),
        lambda y: [row.__setitem__(0, -1.0) for row in y],
        lambda y: y.reshape(-1).__setitem__(slice(3), 5.0),
        lambda y: y.reshape(3, 2).reshape(6)[1:4].__iadd__(1.0),
        lambda y: y[1:].reshape(-1).__setitem__(0, 9.0),
        lambda y: y[:, 1:].reshape(-1).__setitem__(0, 9.0),  # a copy
        lambda y: y[:, :2].reshape(2, 2, 1)[1].__setitem__(0, 9.0),
        lambda y: y.T.__setitem__((0, 1), 8.0),
        lambda y: y.T.reshape(-1).__setitem__(0, 8.0),  # a copy
        lambda y: y.T.reshape(3, 1, 2)[2, 0].__setitem__(1, 8.0),
        lambda y: y.T[1:].T[0].__setitem__(0, 8.0),
        lambda y: np.expand_dims(y, 1)[0, 0].__setitem__(0, 8.0),
        lambda y: np.squeeze(y[:1]).__setitem__(0, 8.0),
        lambda y: np.moveaxis(y, 0, 1)[0].__setitem__(0, 8.0),
        lambda y: np.swapaxes(y, 0, 1).__setitem__(y.T > 3, 0.0),
        lambda y: np.unstack(y, axis=1)[1].__setitem__(0, 8.0),
        lambda y: np.split(y, 2)[1].__imul__(2.0),
        lambda y: y.ravel().__setitem__(3, 8.0),
        lambda y: y.flatten().__setitem__(3, 8.0),  # a copy, as these
        lambda y: y.astype(np.float64).__setitem__(0, 8.0),
        lambda y: np.copy(y).__setitem__(0, 8.0),
        lambda y: (+y).__setitem__(0, 8.0),
        lambda y: np.where(y > 2, y, y).__setitem__(0, 8.0),
        lambda y: np.clip(y, None, None).__setitem__(0, 8.0),
        lambda y: np.roll(y, 0).__setitem__(0, 8.0),
        lambda y: np.tile(y, 1).__setitem__(0, 8.0),
        lambda y: np.concatenate([y]).__setitem__(0, 8.0),
        lambda y: np.conj(y).__setitem__(0, 8.0),
        lambda y: np.positive(y).__setitem__(0, 8.0),
        lambda y: np.cumsum(y, 0).__setitem__(0, 8.0),
        lambda y: np.diff(y, n=0).__setitem__(0, 8.0),
        lambda y: np.sum(y, axis=()).__setitem__(0, 8.0),
        lambda y: (y + 0.0).T.__setitem__(0, 8.0),
        lambda y: np.reshape(y, (6,), copy=True).__setitem__(0, 8.0),
    ],
)
def test_a_write_through_a_view_is_numpys_own(write):
    def f(x):
        y = x * 1.0
        before = y.T[1:]
        write(y)
        return y, before

    x = np.arange(6.0).reshape(2, 3)
    found, _ = gpubp.jvp(f, (x,), (x,))
    np.testing.assert_array_equal(found[0], f(x)[0])
    np.testing.assert_array_equal(found[1], f(x)[1])
