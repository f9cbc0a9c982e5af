"""custom_vjp, custom_jvp, stop_gradient and checkpoint."""

import numpy as np
import pytest

import gpubp
from gpubp.testing import check_grads

X = np.asarray([0.3, -1.2, 2.0])


def sin_with_marked_vjp():
    @gpubp.custom_vjp
    def f(x):
        return x.__array_namespace__().sin(x)

    def fwd(x):
        return f(x), x

    def bwd(x, ct):
        return (3.0 * ct * x.__array_namespace__().cos(x),)  # three times too much: visible

    f.defvjp(fwd, bwd)
    return f


def sin_with_marked_jvp():
    @gpubp.custom_jvp
    def f(x):
        return x.__array_namespace__().sin(x)

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), 3.0 * x.__array_namespace__().cos(x) * t

    return f


def total(f):
    return lambda x: x.__array_namespace__().sum(f(x))


def test_custom_vjp_is_what_reverse_mode_uses():
    f = sin_with_marked_vjp()
    np.testing.assert_allclose(f(X), np.sin(X))
    np.testing.assert_allclose(gpubp.grad(total(f))(X), 3 * np.cos(X))
    np.testing.assert_allclose(np.diag(gpubp.jacrev(f)(X)), 3 * np.cos(X))


def test_custom_vjp_under_vmap():
    f = sin_with_marked_vjp()
    np.testing.assert_allclose(gpubp.vmap(f)(X), np.sin(X))
    np.testing.assert_allclose(gpubp.vmap(gpubp.grad(f))(X), 3 * np.cos(X))
    np.testing.assert_allclose(gpubp.grad(total(gpubp.vmap(f)))(X), 3 * np.cos(X))


def test_custom_vjp_again_in_reverse():
    f = sin_with_marked_vjp()
    second = gpubp.grad(total(gpubp.grad(total(f))))(X)
    np.testing.assert_allclose(second, -3 * np.sin(X))


def test_forward_over_the_gradient_of_custom_vjp():
    f = sin_with_marked_vjp()
    _, tangent = gpubp.jvp(gpubp.grad(total(f)), (X,), (np.ones(3),))
    np.testing.assert_allclose(tangent, -3 * np.sin(X))
    np.testing.assert_allclose(np.diag(gpubp.hessian(total(f))(X)), -3 * np.sin(X))


def test_custom_vjp_under_outermost_forward_mode_raises():
    with pytest.raises(TypeError, match="custom_vjp"):
        gpubp.jvp(sin_with_marked_vjp(), (X,), (X,))


def test_custom_vjp_with_several_arguments_trees_and_none():
    @gpubp.custom_vjp
    def f(params, x):
        return params["a"] * x + params["b"], x * 2

    def fwd(params, x):
        return f(params, x), (params["a"], x)

    def bwd(residual, cts):
        a, x = residual
        ct, _ = cts
        return {"a": ct * x, "b": None}, a * ct

    f.defvjp(fwd, bwd)
    params = {"a": np.asarray([2.0, 3.0, 4.0]), "b": np.asarray([1.0, 1.0, 1.0])}
    out, pullback = gpubp.vjp(f, params, X)
    ct = np.ones(3)
    found_params, found_x = pullback((ct, np.zeros(3)))
    np.testing.assert_allclose(out[1], 2 * X)
    np.testing.assert_allclose(found_params["a"], X)
    np.testing.assert_array_equal(found_params["b"], np.zeros(3))
    np.testing.assert_allclose(found_x, params["a"])


def test_custom_vjp_without_a_rule():
    @gpubp.custom_vjp
    def f(x):
        return x

    with pytest.raises((TypeError, ValueError, RuntimeError), match="defvjp"):
        gpubp.grad(total(f))(X)


def test_custom_vjp_whose_rule_returns_the_wrong_shape():
    @gpubp.custom_vjp
    def f(x):
        return x * 2

    f.defvjp(lambda x: (f(x), None), lambda _, ct: (ct[:2],))
    with pytest.raises((TypeError, ValueError), match="shape"):
        gpubp.grad(total(f))(X)


def test_custom_jvp_is_what_both_modes_use():
    f = sin_with_marked_jvp()
    np.testing.assert_allclose(f(X), np.sin(X))
    np.testing.assert_allclose(gpubp.jvp(f, (X,), (np.ones(3),))[1], 3 * np.cos(X))
    np.testing.assert_allclose(gpubp.grad(total(f))(X), 3 * np.cos(X))
    np.testing.assert_allclose(gpubp.vmap(gpubp.grad(f))(X), 3 * np.cos(X))


def test_custom_jvp_to_second_order():
    """The rule's own `f(x)` is differentiated by the rule again."""
    f = sin_with_marked_jvp()
    np.testing.assert_allclose(gpubp.grad(total(gpubp.grad(total(f))))(X), -3 * np.sin(X))
    np.testing.assert_allclose(np.diag(gpubp.hessian(total(f))(X)), -3 * np.sin(X))


def test_custom_jvp_without_a_rule():
    @gpubp.custom_jvp
    def f(x):
        return x

    with pytest.raises((TypeError, ValueError, RuntimeError), match="defjvp"):
        gpubp.jvp(f, (X,), (X,))


def test_stop_gradient():
    def f(x):
        return x.__array_namespace__().sum(x * gpubp.stop_gradient(x))

    np.testing.assert_allclose(gpubp.grad(f)(X), X)
    np.testing.assert_allclose(gpubp.jvp(f, (X,), (np.ones(3),))[1], np.sum(X))
    np.testing.assert_allclose(gpubp.vmap(gpubp.grad(lambda x: x * gpubp.stop_gradient(x)))(X), X)
    np.testing.assert_allclose(gpubp.hessian(f)(X), np.zeros((3, 3)))


def test_stop_gradient_of_trees_and_of_raw_arrays():
    found = gpubp.stop_gradient({"a": X, "n": np.asarray(1)})
    np.testing.assert_array_equal(found["a"], X)
    g = gpubp.grad(lambda p: gpubp.stop_gradient(p)["a"].__array_namespace__().sum(p["a"]))(
        {"a": X}
    )
    np.testing.assert_array_equal(g["a"], np.ones(3))


def test_stop_gradient_stops_every_level():
    def f(x):
        return gpubp.stop_gradient(x) ** 2 * x

    second = gpubp.grad(lambda x: gpubp.grad(f)(x))(np.asarray(2.0))
    assert float(second) == 0.0


def chain(x):
    xp = x.__array_namespace__()
    for _ in range(3):
        x = xp.sin(x) * 2
    return x


def test_checkpoint_changes_no_derivative():
    kept = gpubp.checkpoint(chain)
    np.testing.assert_allclose(kept(X), chain(X))
    np.testing.assert_allclose(gpubp.grad(total(kept))(X), gpubp.grad(total(chain))(X))
    np.testing.assert_allclose(gpubp.jvp(kept, (X,), (X,))[1], gpubp.jvp(chain, (X,), (X,))[1])
    np.testing.assert_allclose(gpubp.hessian(total(kept))(X), gpubp.hessian(total(chain))(X))
    np.testing.assert_allclose(gpubp.vmap(gpubp.grad(kept))(X), gpubp.vmap(gpubp.grad(chain))(X))
    check_grads(kept, (X,))


def test_checkpoint_runs_again_on_the_way_back():
    calls = []

    def f(x):
        calls.append(1)
        return chain(x)

    gpubp.grad(total(gpubp.checkpoint(f)))(X)
    # Once on shapes alone, to find what it closes over; forward; and again on the way back.
    assert len(calls) == 3


def test_checkpoint_with_trees_and_closures():
    c = np.asarray([1.0, 2.0, 3.0])

    def loss(p, w):
        inner = gpubp.checkpoint(lambda q: {"y": q["a"] * w * c, "n": None})
        return p["a"].__array_namespace__().sum(inner(p)["y"] ** 2)

    p = {"a": X}
    found = gpubp.grad(loss, argnums=(0, 1))(p, np.asarray(2.0))
    np.testing.assert_allclose(found[0]["a"], 8 * X * c**2)
    np.testing.assert_allclose(found[1], 4 * np.sum((X * c) ** 2))


def test_checkpoint_inside_a_forward_rule_is_transposed_on_shapes():
    @gpubp.custom_jvp
    def f(x):
        return x * x

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), gpubp.checkpoint(lambda x, t: 2 * x * t)(x, t)

    np.testing.assert_allclose(gpubp.grad(total(f))(X), 2 * X)
    np.testing.assert_allclose(np.diag(gpubp.hessian(total(f))(X)), np.full(3, 2.0))
    np.testing.assert_allclose(np.diag(gpubp.jacrev(gpubp.jacrev(total(f)))(X)), np.full(3, 2.0))


def test_checkpoints_within_checkpoints():
    def f(x, w):
        inner = gpubp.checkpoint(lambda y: y * w)
        middle = gpubp.checkpoint(lambda y: inner(y) * inner(y) + w)
        return total(gpubp.checkpoint(lambda y: middle(y) * x))(x)

    def plain(x, w):
        return total(lambda y: ((y * w) ** 2 + w) * x)(x)

    w = np.asarray([0.5, -1.0, 2.0])
    for got, expected in zip(
        gpubp.grad(f, (0, 1))(X, w), gpubp.grad(plain, (0, 1))(X, w), strict=False
    ):
        np.testing.assert_allclose(got, expected)
    for i in (0, 1):
        np.testing.assert_allclose(
            gpubp.jacrev(gpubp.grad(f, i), 1 - i)(X, w),
            gpubp.jacrev(gpubp.grad(plain, i), 1 - i)(X, w),
        )
