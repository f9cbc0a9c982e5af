"""NumPy's universal functions on traced arrays give what they give on its own."""

import re

import numpy as np
import pytest
import scipy.special

import gpubp
from backends.numpy_rows import B, C, I, M, N, V, W, X, same, traced
from gpubp import errors
from gpubp.core.namespace import namespace_of
from gpubp_numpy.protocols import ufuncs

UFUNCS = {
    "absolute": (C,),
    "arccosh": (M + 1,),
    "bitwise_and": (B, ~B),
    "bitwise_or": (B, ~B),
    "bitwise_xor": (B, ~B),
    "conjugate": (C,),
    "left_shift": (I, I),
    "logical_and": (B, ~B),
    "logical_or": (B, ~B),
    "logical_xor": (B, ~B),
    "right_shift": (I, I - 3),
    "invert": (I,),
    "logical_not": (B,),
    "matmul": (M, N),
    "matvec": (M, V),
    "vecmat": (V, N),
    "fmax": (X, V),
    "fmin": (V, X),
    "fmod": (3 * V - 2, W),
}


@pytest.mark.parametrize("name", sorted(ufuncs.supported(namespace_of(V))))
def test_ufunc(name):
    ufunc = getattr(np, name)
    args = UFUNCS.get(name, (V, W)[: ufunc.nin])
    same(traced(ufunc, *args), ufunc(*args))


def test_ufunc_takes_raw_arrays_lists_and_scalars_on_either_side():
    for f in (
        lambda x: np.subtract(V, x),
        lambda x: np.subtract(x, [1.0, 2.0, 3.0, 4.0]),
        lambda x: 2.0 - x,
        lambda x: V - x,
        lambda x: np.float64(2.0) * x,
        lambda x: np.arctan2(x, 2.0),
        lambda x: np.fmax(x, 0.5),
        lambda x: np.fmin(np.nan, x),
        lambda x: np.add(x, 1, dtype=np.float32),
    ):
        same(traced(f, W), f(W))


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (np.add.reduce, (M,)),
        (lambda x: np.maximum.reduce(x, axis=1, keepdims=True), (M,)),
        (lambda x: np.multiply.reduce(x, None), (M,)),
        (np.logical_and.reduce, (B,)),
        (lambda x: np.add.accumulate(x, axis=1), (M,)),
        (np.multiply.accumulate, (V,)),
        (lambda x: np.logaddexp.reduce(x, axis=1), (M,)),
        (lambda x: np.subtract.reduce(x, axis=1, keepdims=True), (M,)),
        (np.arctan2.reduce, (M,)),
        (np.maximum.accumulate, (M,)),
        (lambda x: np.minimum.accumulate(x, axis=1), (M,)),
        (lambda x: np.add.reduceat(x, [0, 2]), (V,)),
        (lambda x: np.maximum.reduceat(x, [2, 0, 1], axis=1), (M,)),
        (np.subtract.outer, (V, W)),
        (np.multiply.outer, (V, M)),
    ],
)
def test_ufunc_methods(f, args):
    same(traced(f, *args), f(*args))


@pytest.mark.parametrize("ufunc", [np.add, np.subtract])
@pytest.mark.parametrize("places", [[0, 2, 0], (np.array([0, 1, 1]), np.array([2, 3, 3]))])
def test_adding_at_places_that_repeat(ufunc, places):
    def f(x, v):
        x = x * 1.0
        ufunc.at(x, places, v)
        return x

    x = M if isinstance(places, tuple) else V
    same(traced(f, x, W[:3]), f(x, W[:3]))


NOT_SUPPORTED = " is not supported on traced arrays; "


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda x: np.frexp(x), f"numpy.frexp{NOT_SUPPORTED}"),
        (
            scipy.special.dawsn,
            "dawsn, a universal function that is not NumPy's, is not",
        ),
        (
            lambda x: np.add(x, x, where=V > 0.5),
            "numpy.add: the argument 'where' is not supported on "
            "traced arrays; leave it out, and choose with numpy.where",
        ),
        (lambda x: np.add.reduce(x, initial=1.0), "numpy.add.reduce: the argument 'initial'"),
        (lambda x: np.multiply.at(x, [0], 1.0), "numpy.multiply.at is not supported on traced"),
        (lambda x: np.add.at(V.copy(), [0], x[:1]), "numpy.add.at is not supported on traced"),
        (
            lambda x: np.add(V.copy(), x, out=V.copy()),
            "numpy.add: out is a NumPy array, which cannot hold traced values; write y = y + x",
        ),
    ],
)
def test_what_is_not_supported(f, text):
    with pytest.raises(errors.UnsupportedFunctionError, match=re.escape(text)):
        gpubp.jvp(f, (V,), (V,))


def test_adding_a_traced_array_to_a_numpy_array_in_place_is_refused():
    def f(x):
        y = V.copy()
        y += x
        return y

    with pytest.raises(TypeError, match=r"write y = y \+ x in place of y \+= x"):
        gpubp.jvp(f, (V,), (V,))


def test_out_may_be_a_traced_array():
    def f(x):
        y = 2.0 * x
        assert np.add(x, 1.0, out=y) is y
        return y

    same(traced(f, V), V + 1.0)
