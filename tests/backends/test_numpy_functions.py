"""NumPy's other functions on traced arrays give what they give on its own."""

import re

import array_api_compat.numpy
import numpy as np
import pytest

import gpubp
from backends.numpy_rows import B, C, I, M, N, S, T, V, W, X, Y, same, traced
from gpubp import errors
from gpubp.core import tree
from gpubp_numpy.protocols import functions

FUNCTIONS = {
    np.all: [(B,)],
    np.allclose: [(M, M + 1e-12), (M, M + 1)],
    np.angle: [(C,), (C, True), (-V,)],
    np.amax: [(M, 1)],
    np.amin: [(M, 1)],
    np.any: [(B,)],
    np.append: [(M, V), (M, M, 0)],
    np.argmax: [(M,), (M, 1)],
    np.argmin: [(M,), (M, 0)],
    np.apply_along_axis: [],  # below
    np.argpartition: [],  # below: NumPy leaves the order open
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
    np.bincount: [(I,), (I, V[:3]), (I, None, 9)],
    np.block: [],  # below
    np.broadcast_arrays: [(V, M)],
    np.broadcast_to: [(V, (3, 4)), (V[:1], 4)],
    np.clip: [(M, 0.3, 0.5), (M, None, 0.5), (M, V, None)],
    np.column_stack: [((V, W),)],
    np.compress: [(B, M, 0), (np.tile(B, 4), M)],
    np.concatenate: [((V, W),), ((M, M), 1), ((M, V), None)],
    np.convolve: [(V, W[:2]), (W[:2], V, "same"), (V, W[:3], "valid"), (V, 2.0), (C[0], V)],
    np.copy: [(M,)],
    np.corrcoef: [(M,), (V, W), (V,), (C,), (N, None, False)],
    np.correlate: [(V, W[:2]), (W[:2], V), (C[0], C[1], "full"), (V[:3], W, "same")],
    np.count_nonzero: [(B,)],
    np.cov: [(M,), (V,), (M, M[:2]), (N, None, False), (M, None, True, True), (C,)],
    np.cumprod: [(M,), (M, 1)],
    np.cumsum: [(M,), (M, 1)],
    np.cumulative_prod: [(V,)],
    np.cumulative_sum: [(V,)],
    np.delete: [(V, 1), (M, [0, 2], 1), (M, slice(1, 3), 1), (M, 2)],
    np.diag: [(V,), (V, 2), (V, -1), (M,), (M, 1), (M, -2)],
    np.diagflat: [(M, 1)],
    np.diagonal: [(T,), (T, 1, 1, 2), (T, -1, 2, 0)],
    np.diff: [(V,), (M, 2, 0)],
    np.dot: [(V, W), (M, N), (M, V), (T, N), (T, V), (V, 2.0), (V, [1.0, 2.0, 3.0, 4.0])],
    np.dsplit: [(T, 2)],
    np.dstack: [((V, W),)],
    np.ediff1d: [(M,), (V, W, 0.5)],
    np.einsum: [],  # test_numpy_einsum.py
    np.empty_like: [],  # below
    np.expand_dims: [(V, 0), (V, -1), (V, (0, 2))],
    np.extract: [(M > 0.5, M)],
    np.fix: [(3 * V,)],
    np.flatnonzero: [(B,)],
    np.flip: [(M,), (M, 0), (M, (0, 1))],
    np.fliplr: [(M,)],
    np.flipud: [(M,)],
    np.full_like: [(M, 2.0), (M, V)],
    np.gradient: [(V,), (M,), (V, 0.5), (V, np.sort(W)), (M, 0.5, np.sort(W))],
    np.hsplit: [(M, 2), (V, 2)],
    np.hstack: [((V, W),), ((M, M),)],
    np.i0: [(4 * V,)],
    np.imag: [(C,), (V,)],
    np.inner: [(V, W), (M, V), (M, T), (M, 2.0)],
    np.interp: [(M, np.sort(V), W), (3 * V, np.sort(W), V, 7.0, -7.0), (V, W[:1], V[:1])],
    np.isclose: [(M, M + 1e-9), (X, X)],
    np.iscomplex: [(C * [1, 1j, 0, 1],), (M,)],
    np.iscomplexobj: [(C,), (M,)],
    np.isin: [(I, [3, 4])],
    np.isneginf: [(X,), (-X,)],
    np.isposinf: [(X,)],
    np.isreal: [(C * [1, 1j, 0, 1],), (M,)],
    np.isrealobj: [(C,), (M,)],
    np.kron: [(V, W), (M, N), (V, M)],
    np.linspace: [(V, W, 5), (V, 2.0, 4)],
    np.matrix_transpose: [(T,)],
    np.max: [(M,), (M, 1)],
    np.mean: [(M,), (M, 1), (M, None, np.float32)],
    np.median: [(V,), (M,), (M, 0), (T, (0, 2)), (X,)],
    np.meshgrid: [(V, W)],
    np.min: [(M,), (M, (0, 1))],
    np.moveaxis: [(T, 0, 2), (T, (0, 1), (2, 0))],
    np.nan_to_num: [(X,)],
    np.nancumprod: [(X[:3],), (Y, 1)],
    np.nancumsum: [(X[:3],), (Y, 0)],
    np.nanmax: [(Y,), (Y, 1), (X,)],
    np.nanmean: [(X[:3],), (Y, 0)],
    np.nanmin: [(Y,), (Y, 0)],
    np.nanprod: [(Y,), (Y, 1)],
    np.nanstd: [(Y,), (Y, 1)],
    np.nansum: [(X[:3],), (Y, 1)],
    np.nanvar: [(Y,), (Y, 0)],
    np.ndim: [(M,)],
    np.nonzero: [(B,)],
    np.ones_like: [(M,), (M, np.float32)],
    np.outer: [(V, W), (M, V)],
    np.pad: [(V, 2), (M, ((1, 2), (0, 1))), (V, 2, "edge"), (M, 1, "reflect")],
    np.partition: [(V, 1)],
    np.percentile: [(V, 30), (M, [10.0, 60.0], 1)],
    np.piecewise: [],  # below
    np.polyadd: [(V, W[:2])],
    np.polyder: [(V,), (V, 2)],
    np.polyint: [(V,), (V, 2)],
    np.polymul: [(V, W[:2])],
    np.polysub: [(V[:2], W)],
    np.polyval: [(V, M), ([1.0, 2.0, 3.0], V), (V, 0.5)],
    np.prod: [(M,), (M, 1)],
    np.ptp: [(M,), (M, 1)],
    np.quantile: [(V, 0.4), (M, 0.4, 0), (T, [[0.0, 0.3], [0.7, 1.0]], (0, 2)), (X, 0.2)],
    np.ravel: [(M,)],
    np.real: [(C,), (V,)],
    np.real_if_close: [(C,), (M + 1e-18j,), (M,)],
    np.repeat: [(M, 2), (M, 2, 1), (V, np.int64(2)), (M, [1, 0, 2], 0)],
    np.reshape: [(M, (2, 6)), (M, -1)],
    np.result_type: [],  # below
    np.roll: [(M, 1), (M, 2, 1)],
    np.rollaxis: [(T, 2), (T, 0, 2), (T, 1, -1), (T, 0, 3)],
    np.rot90: [(M,), (M, 3), (T, 2, (1, 2))],
    np.round: [(M,), (M, 2)],
    np.searchsorted: [(np.sort(V), W)],
    np.select: [],  # below
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
    np.unique_all: [(I,)],
    np.unique_counts: [(I,)],
    np.unique_inverse: [(I,)],
    np.unique_values: [],  # below: NumPy leaves the order open
    np.unstack: [(M,)],
    np.unwrap: [(np.cumsum(9 * V),), (9 * M, None, 0), (9 * M, 3.0)],
    np.vander: [(V,), (V, 3), (V, 3, True)],
    np.var: [(M,), (M, 1)],
    np.vdot: [(C, C), (M, M)],
    np.vsplit: [(N, 2)],
    np.vstack: [((V, W),), ((M, V),)],
    np.where: [(B,), (V > 0.5, V, W), (V > 0.5, V, 0.0)],
    np.zeros_like: [(M,)],
}


def call(f, row):
    """One level of nesting: ``np.stack((V, W))`` takes its arrays in a tuple."""
    if row and isinstance(row[0], tuple):
        k = len(row[0])
        return traced(lambda *args: f(args[:k], *args[k:]), *row[0], *row[1:])
    return traced(f, *row)


ROTATION = np.array([[0.3, -1.2], [0.9, 0.4]])  # complex eigenvalues

EVERY = [
    pytest.param(f, row, id=f"{f.__name__}-{i}")
    for f, rows in FUNCTIONS.items()
    for i, row in enumerate(rows)
]


@pytest.mark.parametrize(("f", "row"), EVERY)
def test_function(f, row):
    same(call(f, row), f(*row))


def double(x):
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype in (np.float64, np.complex128)


@pytest.mark.parametrize(("f", "row"), EVERY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_derivative_is_that_of_numpys_own(f, row):
    leaves, treedef = tree.flatten(row)
    moving = [i for i, x in enumerate(leaves) if double(x)]
    results = [i for i, y in enumerate(tree.leaves(f(*row))) if double(y)]

    def g(*arrays):
        given = [*leaves]
        for i, x in zip(moving, arrays, strict=True):
            given[i] = x
        found = tree.leaves(f(*tree.unflatten(treedef, given)))
        return [found[i] for i in results]

    rng = np.random.default_rng(0)
    point = tuple(leaves[i] for i in moving)
    direction = tuple(rng.standard_normal(x.shape).astype(x.dtype) for x in point)
    _, tangents = gpubp.jvp(g, point, direction)
    ahead, behind = (
        g(*[x + h * t for x, t in zip(point, direction, strict=True)]) for h in (1e-6, -1e-6)
    )
    for t, a, b in zip(tangents, ahead, behind, strict=True):
        expected = (a - b) / 2e-6
        finite = np.isfinite(expected)
        np.testing.assert_allclose(t[finite], expected[finite], rtol=1e-6, atol=1e-6)


# The translations of numpy.linalg and numpy.fft, over a namespace that has these extensions.
EXTENSIONS = {
    np.cross: [(M[:, :3], N.T[:, :3])],
    np.linalg.cholesky: [(S @ S.T,)],
    np.linalg.cond: [(S,), (M, -2), (S, 1)],
    np.linalg.cross: [(M[:, :3], N.T[:, :3])],
    np.linalg.det: [(S,)],
    np.linalg.diagonal: [(T,)],
    np.linalg.eig: [(S + S.T,), (ROTATION,)],
    np.linalg.eigh: [(S + S.T,)],
    np.linalg.eigvals: [(S + S.T,), (ROTATION,)],
    np.linalg.eigvalsh: [(S + S.T,), (S, "L"), (S, "U")],
    np.linalg.inv: [(S,)],
    np.linalg.lstsq: [],  # below: its rank is of another width
    np.linalg.matmul: [(M, N)],
    np.linalg.matrix_norm: [(S,)],
    np.linalg.matrix_power: [(S, 3)],
    np.linalg.matrix_rank: [(S,)],
    np.linalg.matrix_transpose: [(M,)],
    np.linalg.multi_dot: [((M, N, S),)],
    np.linalg.norm: [
        (V,),
        (M,),
        (T,),
        (M, "nuc"),
        (M, None, 1),
        (V, 1),
        (T, None, (0, 2)),
        (T, 2, 1, True),
        (T, 1, (0, 1), True),
    ],
    np.linalg.outer: [(V, W)],
    np.linalg.pinv: [(M,), (M, 1e-3)],
    np.linalg.qr: [(N,), (N, "complete")],
    np.linalg.slogdet: [(S,)],
    np.linalg.solve: [(S, M)],
    np.linalg.svd: [(M, False), (M,), (M, True, False)],
    np.linalg.svdvals: [(M,)],
    np.linalg.tensordot: [(M, M)],
    np.linalg.tensorinv: [(np.eye(12).reshape(3, 4, 12) + T[0, :, :, None] / 20, 2)],
    np.linalg.tensorsolve: [(np.eye(12).reshape(3, 4, 12) + M[:, :, None] / 20, M)],
    np.linalg.trace: [(S,)],
    np.linalg.vecdot: [(V, W)],
    np.linalg.vector_norm: [(V,)],
    np.fft.fft2: [(M,), (T, (2, 2), (0, 1))],
    np.fft.ifft2: [(C,)],
    np.fft.rfft2: [(M,)],
    np.fft.irfft2: [(C,)],
    np.fft.fft: [(M,), (M, 3, 0), (M, None, 0, "ortho")],
    np.fft.ifft: [(C,)],
    np.fft.rfft: [(M,)],
    np.fft.irfft: [(C, 6)],
    np.fft.hfft: [(C,)],
    np.fft.ihfft: [(M,)],
    np.fft.fftn: [(M,), (M, (2, 2), (0, 1))],
    np.fft.ifftn: [(C,)],
    np.fft.rfftn: [(M,)],
    np.fft.irfftn: [(C,)],
    np.fft.fftshift: [(M,), (M, 1)],
    np.fft.ifftshift: [(M, (0, 1))],
}


@pytest.mark.parametrize(
    ("f", "row"),
    [
        pytest.param(f, row, id=f"{f.__name__}-{i}")
        for f, rows in EXTENSIONS.items()
        for i, row in enumerate(rows)
    ],
)
def test_extension(f, row):
    found = functions.array_function(array_api_compat.numpy, f, row, {})
    same(tuple(found) if isinstance(found, tuple) else found, f(*row))


def test_every_function_has_a_row():
    assert set(functions.FUNCTIONS) == {*FUNCTIONS, *EXTENSIONS}


# Functions whose rows do not fit the table


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.select([x > 0.5, x > 0.3], [x, 2 * x], 7.0),
        lambda x: np.result_type(x, np.float32(1)) == np.float64,
        lambda x: np.empty_like(x).shape,
        lambda x: np.clip(x, min=0.4, max=0.6),
        lambda x: np.var(x, ddof=1),
        lambda x: np.var(x, correction=1),
        lambda x: np.sum(x, keepdims=True, out=None),
        lambda x: np.concatenate([x, V], dtype=np.float32),
        lambda x: np.concatenate([V, x, [1.0]]),
        lambda x: np.where([True, False, True, False], x, V),
        lambda x: np.cumulative_sum(x, include_initial=True),
        lambda x: np.nan_to_num(x / 0.0, posinf=3.0),
        lambda x: np.linspace(x, V, 4, endpoint=False),
        lambda x: np.pad(x, 1, constant_values=2.5),
        lambda x: np.meshgrid(x, V, indexing="ij"),
        lambda x: np.sort(np.unique_values(x)),
        lambda x: np.block([[x, 1.0], [V, 2.0]]),
        lambda x: np.block([[x[:, None], np.ones((4, 2))], [np.zeros((1, 3))]]),
        lambda x: np.apply_along_axis(np.cumsum, 0, x[:, None] * V),
        lambda x: np.apply_along_axis(np.sum, -1, x[:, None] * T[0, 0]),
        lambda x: np.apply_along_axis(lambda row: row[:, None] * row, 0, x[:, None] * V[:2]),
        lambda x: np.piecewise(x, [x < 0.4, x > 0.6], [lambda v: -v, 2.0, np.sqrt]),
        lambda x: np.partition(x, 2)[2],
        lambda x: x[np.argpartition(x, 2)[2]],
        *[
            lambda x, m=m: np.quantile(x, [0.1, 0.35, 0.5], method=m, keepdims=True)
            for m in ("lower", "higher", "midpoint", "nearest", "hazen", "weibull", "linear")
        ],
        lambda x: np.quantile(V, x),
        lambda x: np.gradient(x, edge_order=2),
        lambda x: np.gradient(x[:, None] * V, axis=0),
        lambda x: np.gradient(x, np.sort(V), edge_order=2),
        lambda x: np.nanvar(x, ddof=1),
        lambda x: np.cov(x, ddof=2),
        lambda x: np.unwrap(9 * x, period=3.0),
        lambda x: np.linalg.pinv(x[:, None], rtol=1e-3),
        lambda x: np.vecdot(np.stack([x, V]), np.stack([V, x]), axis=0),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_keywords(f):
    same(traced(f, W), f(W))


@pytest.mark.parametrize(("a", "b"), [(N, M[0]), (N, N), (M, V[:3])])
def test_lstsq(a, b):
    found = functions.array_function(array_api_compat.numpy, np.linalg.lstsq, (a, b), {})
    for one, other in zip(found, np.linalg.lstsq(a, b), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_a_gradient_goes_through_numpys_functions():
    def f(x):
        y = np.tanh(np.dot(M, x)) + np.concatenate([x[:2], V[:1]])
        return np.sum(np.where(y > 0.5, y**2, np.exp(y))) + np.add.reduce(x.reshape(2, 2), None)

    found = gpubp.grad(f)(V)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-6
        assert found[i] == pytest.approx((f(V + step) - f(V - step)) / 2e-6, rel=1e-7)


NOT_SUPPORTED = " is not supported on traced arrays; "


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (np.nanargmax, f"numpy.nanargmax{NOT_SUPPORTED}the nearest that works is numpy.nanmax"),
        (np.histogram, f"numpy.histogram{NOT_SUPPORTED}take numpy.bincount with weights; or"),
        (
            lambda x: np.quantile(x, 0.3, method="inverted_cdf"),
            "numpy.quantile: method='inverted_cdf' is not supported on traced arrays; use interp",
        ),
        (lambda x: np.linalg.matrix_rank(np.outer(x, x), tol=0.1), "argument 'tol' is not supp"),
        (
            lambda x: np.sum(x, where=V > 0),
            "numpy.sum: the argument 'where' is not supported on traced "
            "arrays; it understands a, axis, dtype, keepdims",
        ),
        (lambda x: np.sum(x, initial=1.0), "numpy.sum: the argument 'initial' is not"),
    ],
)
def test_what_is_not_supported(f, text):
    with pytest.raises(errors.UnsupportedFunctionError, match=re.escape(text)):
        gpubp.jvp(f, (V,), (V,))


def test_a_split_that_is_not_even_and_an_order_are_refused():
    with pytest.raises(ValueError, match="axis 0 of length 4 does not divide into 3 equal parts"):
        gpubp.jvp(lambda x: np.split(x, 3), (V,), (V,))
    with pytest.raises(ValueError, match="order must be 'C', given 'F'"):
        gpubp.jvp(lambda x: np.ravel(x, order="F"), (M,), (M,))
