"""NumPy's functions, ufuncs and methods on traced arrays give what they give on NumPy's own."""

import numpy as np
import pytest

import gpubp
from gpubp.core.namespace import namespace_of
from gpubp_numpy.protocols import functions, ufuncs

rng = np.random.default_rng(0)
V = rng.uniform(0.2, 0.9, 4)
W = rng.uniform(0.2, 0.9, 4)
M = rng.uniform(0.2, 0.9, (3, 4))
N = rng.uniform(0.2, 0.9, (4, 3))
S = rng.uniform(0.2, 0.9, (3, 3)) + 3 * np.eye(3)
T = rng.uniform(0.2, 0.9, (2, 3, 4))
C = M + 1j * rng.uniform(0.2, 0.9, (3, 4))
I = np.array([3, 5, 6])  # noqa: E741
B = np.array([True, False, True])
X = np.array([np.nan, 1.0, -2.0, np.inf])


def traced(f, *args):
    """``f(*args)`` inside a transformation, and the native result."""
    arrays = tuple(a for a in args if isinstance(a, np.ndarray))

    def whole(*given):
        given = iter(given)
        return f(*(next(given) if isinstance(a, np.ndarray) else a for a in args))

    out, _ = gpubp.jvp(
        whole, arrays, tuple(np.ones_like(a) if a.dtype.kind in "fc" else None for a in arrays)
    )
    return out


def same(found, expected):
    if isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        found, expected = np.asarray(found), np.asarray(expected)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


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
        (np.subtract.outer, (V, W)),
        (np.multiply.outer, (V, M)),
    ],
)
def test_ufunc_methods(f, args):
    same(traced(f, *args), f(*args))


FUNCTIONS = {
    np.all: [(B,)],
    np.allclose: [(M, M + 1e-12), (M, M + 1)],
    np.angle: [(C,), (C, True), (-V,)],
    np.any: [(B,)],
    np.append: [(M, V), (M, M, 0)],
    np.argmax: [(M,), (M, 1)],
    np.argmin: [(M,), (M, 0)],
    np.argsort: [(M,), (M, 0), (M, None)],
    np.argwhere: [(B,)],
    np.around: [(M,), (M, 1)],
    np.array_equal: [(M, M), (M, V)],
    np.array_split: [(V, 3), (M, [1, 2], 1)],
    np.astype: [(M, np.float32)],
    np.atleast_1d: [(V, M), (M,)],
    np.atleast_2d: [(V, T)],
    np.atleast_3d: [(V, M, T)],
    np.average: [(M,), (M, 1, V), (M, None, M), (M, 0)],
    np.broadcast_arrays: [(V, M)],
    np.broadcast_to: [(V, (3, 4)), (V[:1], 4)],
    np.clip: [(M, 0.3, 0.5), (M, None, 0.5), (M, V, None)],
    np.column_stack: [((V, W),)],
    np.concatenate: [((V, W),), ((M, M), 1), ((M, V), None)],
    np.copy: [(M,)],
    np.count_nonzero: [(B,)],
    np.cross: [],
    np.cumprod: [(M,), (M, 1)],
    np.cumsum: [(M,), (M, 1)],
    np.cumulative_prod: [(V,)],
    np.cumulative_sum: [(V,)],
    np.diag: [(V,), (V, 2), (V, -1), (M,), (M, 1), (M, -2)],
    np.diagflat: [(M, 1)],
    np.diagonal: [(T,), (T, 1, 1, 2), (T, -1, 2, 0)],
    np.diff: [(V,), (M, 2, 0)],
    np.dot: [(V, W), (M, N), (M, V), (T, N), (T, V), (V, 2.0), (V, [1.0, 2.0, 3.0, 4.0])],
    np.dsplit: [(T, 2)],
    np.dstack: [((V, W),)],
    np.empty_like: [],
    np.expand_dims: [(V, 0), (V, -1), (V, (0, 2))],
    np.fix: [(3 * V,)],
    np.flatnonzero: [(B,)],
    np.flip: [(M,), (M, 0), (M, (0, 1))],
    np.fliplr: [(M,)],
    np.flipud: [(M,)],
    np.full_like: [(M, 2.0), (M, V)],
    np.hsplit: [(M, 2), (V, 2)],
    np.hstack: [((V, W),), ((M, M),)],
    np.imag: [(C,), (V,)],
    np.inner: [(V, W), (M, V), (M, T), (M, 2.0)],
    np.isclose: [(M, M + 1e-9), (X, X)],
    np.iscomplexobj: [(C,), (M,)],
    np.isin: [(I, [3, 4])],
    np.isrealobj: [(C,), (M,)],
    np.kron: [(V, W), (M, N), (V, M)],
    np.linspace: [(V, W, 5), (V, 2.0, 4)],
    np.matrix_transpose: [(T,)],
    np.max: [(M,), (M, 1)],
    np.mean: [(M,), (M, 1), (M, None, np.float32)],
    np.meshgrid: [(V, W)],
    np.min: [(M,), (M, (0, 1))],
    np.moveaxis: [(T, 0, 2), (T, (0, 1), (2, 0))],
    np.nan_to_num: [(X,)],
    np.nanmean: [(X[:3],)],
    np.nansum: [(X[:3],)],
    np.ndim: [(M,)],
    np.nonzero: [(B,)],
    np.ones_like: [(M,), (M, np.float32)],
    np.outer: [(V, W), (M, V)],
    np.pad: [(V, 2), (M, ((1, 2), (0, 1))), (V, 2, "edge"), (M, 1, "reflect")],
    np.prod: [(M,), (M, 1)],
    np.ptp: [(M,), (M, 1)],
    np.ravel: [(M,)],
    np.real: [(C,), (V,)],
    np.repeat: [(M, 2), (M, 2, 1)],
    np.reshape: [(M, (2, 6)), (M, -1)],
    np.result_type: [],
    np.roll: [(M, 1), (M, 2, 1)],
    np.rot90: [(M,), (M, 3), (T, 2, (1, 2))],
    np.round: [(M,), (M, 2)],
    np.searchsorted: [(np.sort(V), W)],
    np.select: [],
    np.shape: [(M,)],
    np.sinc: [(V - V[0],)],
    np.size: [(M,), (M, 1)],
    np.sort: [(M,), (M, 0), (M, None)],
    np.split: [(M, 2, 1), (V, [1, 3])],
    np.squeeze: [(M[None, :, None],), (M[None], 0)],
    np.stack: [((V, W),), ((M, M), 1)],
    np.std: [(M,), (M, 1)],
    np.sum: [(M,), (M, 1), (I,), (M, (0, 1))],
    np.swapaxes: [(T, 0, 2)],
    np.take: [(M, [0, 2]), (M, [[0, 1], [2, -1]], 1), (V, 1)],
    np.take_along_axis: [(M, np.argsort(M, 1), 1)],
    np.tensordot: [(M, N, 1), (M, N, (1, 0)), (T, M, ((1, 2), (0, 1))), (M, M)],
    np.tile: [(V, 2), (V, (2, 2))],
    np.trace: [(S,), (T, 1, 1, 2)],
    np.transpose: [(T,), (T, (1, 0, 2))],
    np.trapezoid: [(V,), (V, np.sort(W)), (M, None, 0.5, 0)],
    np.tril: [(M,), (M, 1)],
    np.triu: [(M,), (M, -1)],
    np.unique: [(I,)],
    np.unstack: [(M,)],
    np.var: [(M,), (M, 1)],
    np.vdot: [(C, C), (M, M)],
    np.vsplit: [(N, 2)],
    np.vstack: [((V, W),), ((M, V),)],
    np.where: [(B,), (V > 0.5, V, W), (V > 0.5, V, 0.0)],
    np.zeros_like: [(M,)],
}
NEEDS_SUBMODULES = [
    f for f in functions.FUNCTIONS if "linalg" in f.__module__ or "fft" in f.__module__
]


def call(f, row):
    """One level of nesting: ``np.stack((V, W))`` takes its arrays in a tuple."""
    if row and isinstance(row[0], tuple):
        k = len(row[0])
        return traced(lambda *args: f(args[:k], *args[k:]), *row[0], *row[1:])
    return traced(f, *row)


@pytest.mark.parametrize(
    ("f", "row"),
    [
        pytest.param(f, row, id=f"{f.__name__}-{i}")
        for f, rows in FUNCTIONS.items()
        for i, row in enumerate(rows)
    ],
)
def test_function(f, row):
    same(call(f, row), f(*row))


def test_every_function_has_a_row():
    assert set(functions.FUNCTIONS) == {*FUNCTIONS, *NEEDS_SUBMODULES}
