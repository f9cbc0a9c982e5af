"""Forward mode, reverse mode and difference quotients agree, on every library."""

import numpy as np
import pytest

import gpubp
from gpubp.testing import check_grads
from gpubp.testing.cases import CASES
from on_cases import (
    NUMPY,
    arguments,
    assert_close,
    cotangents,
    first_order,
    function,
    has_inexact,
    raw,
    samples,
    samples_on_libraries,
    tangents,
)

SMOOTH = [c for c in CASES if has_inexact(c)]


@samples(SMOOTH)
def test_differences_to_second_order(case, dtype):
    check_grads(function(case), arguments(case, NUMPY, dtype), order=2)


@samples_on_libraries(SMOOTH, numpy=False)
def test_derivatives_are_numpys(library, case, dtype):
    found, expected = first_order(case, library, dtype), first_order(case, NUMPY, dtype)
    assert_close(found.out_tangent, expected.out_tangent, library, dtype, "tangent")
    assert_close(found.cotangents, expected.cotangents, library, dtype, "cotangent")


@samples(SMOOTH)
def test_vjp_is_the_transpose_of_jvp(case, dtype):
    """Re(sum(ct * jvp(t))) == Re(sum(vjp(ct) * t)): no conjugation."""
    found = first_order(case, NUMPY, dtype)
    cts, ts = cotangents(case, NUMPY, dtype), tangents(case, NUMPY, dtype)

    def pairing(us, vs):
        return sum(np.sum(np.real(u * v)) for u, v in zip(us, vs, strict=True) if v is not None)

    forward, backward = pairing(cts, found.out_tangent), pairing(ts, found.cotangents)
    np.testing.assert_allclose(backward, forward, rtol=1e-10, atol=1e-10)


@samples(CASES)
def test_pushforward_of_linearize_is_jvp(case, dtype):
    out, push = gpubp.linearize(function(case), *arguments(case, NUMPY, dtype))
    expected = first_order(case, NUMPY, dtype)
    assert_close(out, expected.out, NUMPY, dtype, "result")
    tangent = push(*tangents(case, NUMPY, dtype))
    assert_close(tangent, expected.out_tangent, NUMPY, dtype, "tangent")


@pytest.mark.parametrize("case", [c for c in SMOOTH if c.real], ids=str)
def test_forward_jacobian_is_the_reverse_one(case):
    """Of the floating-point results by the first floating-point argument.

    For real arguments only: a complex function that is not holomorphic has no one Jacobian.
    """
    outs = raw(case, "float64")
    chosen = [i for i, y in enumerate(outs) if y.dtype == np.float64]
    where = next(i for i, draw in enumerate(case.draws) if draw.kind == "inexact")
    xs = arguments(case, NUMPY, "float64")

    def f(*args):
        ys = function(case)(*args)
        return [args[where] * 2.0, *(ys[i] for i in chosen)]

    forward = gpubp.jacfwd(f, argnums=where)(*xs)
    reverse = gpubp.jacrev(f, argnums=where)(*xs)
    assert [j.shape for j in forward[1:]] == [outs[i].shape + xs[where].shape for i in chosen]
    assert_close(forward, reverse, NUMPY, "float64", "jacfwd of result")


def second_orders(case, library, dtype):
    """Derivative of the gradient along t, and gradient of the derivative along t."""
    f, xs, ts = function(case), arguments(case, library, dtype), tangents(case, library, dtype)
    cts = cotangents(case, library, dtype)
    along = gpubp.jvp(lambda *a: gpubp.vjp(f, *a)[1](cts), xs, ts)[1]
    back = gpubp.vjp(lambda *a: gpubp.jvp(f, a, ts)[1], *xs)[1](cts)
    return along, back


@samples_on_libraries(SMOOTH)
def test_second_order_commutes(library, case, dtype):
    along, back = second_orders(case, library, dtype)
    assert_close(along, back, library, dtype, "jvp of vjp")
    if library is not NUMPY:
        expected, _ = second_orders(case, NUMPY, dtype)
        assert_close(along, expected, library, dtype, "second derivative")
