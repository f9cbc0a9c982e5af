"""The methods of NumPy's arrays on traced ones."""

import numpy as np
import pytest

from backends.numpy_rows import B, C, I, M, N, S, T, V, W, same, traced
from gpubp_numpy.protocols import methods

METHODS = {
    "all": (B,),
    "any": (B,),
    "argmax": (M, 1),
    "argmin": (M,),
    "argsort": (M,),
    "astype": (M, np.float32),
    "clip": (M, 0.3, 0.5),
    "conj": (C,),
    "conjugate": (C,),
    "copy": (M,),
    "cumprod": (M, 1),
    "cumsum": (M,),
    "diagonal": (M,),
    "dot": (M, N),
    "flatten": (M,),
    "item": (I, 1),
    "max": (M, 0),
    "mean": (M, (0, 1)),
    "min": (M,),
    "nonzero": (B,),
    "prod": (M, 1),
    "ravel": (M,),
    "repeat": (M, 2, 1),
    "reshape": (M, 2, -1),
    "round": (M, 1),
    "searchsorted": (np.sort(V), W),
    "squeeze": (M[None],),
    "std": (M, 0),
    "sum": (M, 1),
    "swapaxes": (T, 0, 1),
    "take": (M, [0, 1], 1),
    "trace": (S,),
    "transpose": (T, 2, 0, 1),
    "var": (M,),
}


@pytest.mark.parametrize("name", methods.ATTRIBUTES)
def test_attribute(name):
    for x in (C, M):
        same(traced(lambda x: getattr(x, name), x), getattr(x, name))


def test_astype_takes_python_types():
    x = M.astype(np.float32)
    same(traced(lambda x: x.astype(float), x), x.astype(float))


@pytest.mark.parametrize("name", methods.METHODS)
def test_method(name):
    row = METHODS[name]
    same(traced(lambda x, *rest: getattr(x, name)(*rest), *row), getattr(row[0], name)(*row[1:]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.reshape((2, 6)),
        lambda x: x.transpose(),
        lambda x: x.transpose((1, 0)),
        lambda x: x.sum(axis=0, keepdims=True),
        lambda x: x.mean(axis=1, dtype=np.float32),
        lambda x: (x > 0.5).sum(),
        lambda x: np.asarray([3])[0] * x.max(),
    ],
)
def test_method_calls(f):
    same(traced(f, M), f(M))
