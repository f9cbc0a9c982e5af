"""Every backend's kernel for a composite primitive against its formula in NumPy and float64."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backends.plugins import NAMES, plugin
from gpubp.core.primitive import PRIMITIVES
from gpubp.rules.fused.activation import WITH_BIAS
from gpubp.rules.fused.composite import Composite

COMPOSITES = {name: p for name, p in PRIMITIVES.items() if isinstance(p, Composite)}
TOLERANCE = {"float16": 5e-3, "float32": 5e-6, "float64": 1e-12}
# Rows shorter and longer than a warp and a block, and no multiple of either.
SHAPES = [(1, 1), (3, 10), (7, 33), (2, 3, 129), (2, 1500), (0, 4), (5000, 3), (2, 4, 2051)]
Arguments = tuple[list[Any], dict[str, Any]]


def bias(rng: np.random.Generator, shape: tuple[int, ...], bias: tuple[int, ...]) -> Arguments:
    return [2 * rng.normal(size=shape), rng.normal(size=bias)], {}


def bias_slope(name: str) -> Callable[..., Arguments]:
    def make(rng: np.random.Generator, shape: tuple[int, ...], bias: tuple[int, ...]) -> Arguments:
        # Numbers of few digits: the result is that of the sum in every precision.
        x, b = rng.integers(-99, 99, shape) / 32, rng.integers(-99, 99, bias) / 32
        t = rng.normal(size=shape)
        if WITH_BIAS[name].of_result:
            return [t, WITH_BIAS[name].formula(x, b)], {}
        return [t, WITH_BIAS[name].formula(x, b), x, b], {}

    return make


def attention(
    rng: np.random.Generator, shapes: Any, depths: tuple[int, int], causal: bool, mask: str
) -> Arguments:
    *batch, length, source = shapes
    depth, width = depths
    q, k, v = (
        rng.normal(size=(*batch, *shape))
        for shape in ((length, depth), (source, depth), (source, width))
    )
    params = {"causal": causal}
    if not mask:
        return [q, k, v], params
    shape = {
        "full": (*batch, length, source),
        "shared": (length, source),
        "keys": (*batch, 1, source),
        "queries": (length, 1),
    }[mask]
    visible = rng.random(shape) < 0.6
    if mask == "full" and visible.size:
        visible[..., 0, :] = False  # a query that sees nothing
    return [q, k, v, visible], params


def attention_slope(rng: np.random.Generator, *row: Any) -> Arguments:
    args, params = attention(rng, *row)
    out, lse = COMPOSITES["attention"].formula(*args, **params)
    ct = rng.normal(size=out.shape)
    return [ct, (ct * out).sum(axis=-1), lse, *args], params


def dropout(rng: np.random.Generator, shape: tuple[int, ...], *keys: int) -> Arguments:
    return [rng.normal(size=shape), rng.integers(0, 2**32, (*keys, 2))], {"rate": 0.3}


def dropout_slope(rng: np.random.Generator, shape: tuple[int, ...], *keys: int) -> Arguments:
    return [rng.normal(size=shape), rng.random(shape) < 0.5], {"rate": 0.3}


def softmax(rng: np.random.Generator, shape: tuple[int, ...], axis: tuple[int, ...]) -> Arguments:
    return [3 * rng.normal(size=shape)], {"axis": axis}


def softmax_slope(
    rng: np.random.Generator, shape: tuple[int, ...], axis: tuple[int, ...]
) -> Arguments:
    y = np.exp(rng.normal(size=shape))
    return [rng.normal(size=shape), y / y.sum(axis=axis, keepdims=True)], {"axis": axis}


def log_softmax_slope(
    rng: np.random.Generator, shape: tuple[int, ...], axis: tuple[int, ...]
) -> Arguments:
    (t, y), params = softmax_slope(rng, shape, axis)
    return [t, np.log(y)], params


def cross_entropy(
    rng: np.random.Generator, shape: tuple[int, ...], axis: int, smoothing: float
) -> Arguments:
    x = 3 * rng.normal(size=shape)
    rest = [n for i, n in enumerate(shape) if i != axis % len(shape)]
    target = rng.integers(0, shape[axis], rest)
    return [x, target], {"axis": axis, "smoothing": smoothing}


def cross_entropy_slope(
    rng: np.random.Generator, shape: tuple[int, ...], axis: int, smoothing: float
) -> Arguments:
    args, params = cross_entropy(rng, shape, axis, smoothing)
    y = COMPOSITES["cross_entropy"].formula(*args, **params)
    return [rng.normal(size=y.shape), y, *args], params


def standardize(rng: np.random.Generator, shape: tuple[int, ...], last: int) -> Arguments:
    return [1 + 2 * rng.normal(size=shape)], {"last": last, "epsilon": 1e-3}


def standardize_slope(rng: np.random.Generator, shape: tuple[int, ...], last: int) -> Arguments:
    args, params = standardize(rng, shape, last)
    y, scale = COMPOSITES["standardize"].formula(*args, **params)
    return [rng.normal(size=shape), y, scale], {"last": last}


def over(make: Callable[..., Arguments], shapes: Any, **params: Any) -> Any:
    return [(make, (shape, *params.values())) for shape in shapes]


SOFTMAX = [
    *[(shape, (-1,)) for shape in SHAPES],
    *[(shape, (-2,)) for shape in [(3, 4), (33, 5), (2, 7, 40), (3, 0)]],
    ((3, 4, 5), (-3,)),
    ((3, 4, 5), (-3, -1)),
    ((3, 4), (-2, -1)),
    ((), ()),
]
ENTROPY = [
    *[(shape, -1, s) for shape in SHAPES for s in (0.0, 0.1)],
    ((3, 4), -2, 0.0),
    ((2, 5, 7), -2, 0.2),
    ((4,), -1, 0.0),
]
STANDARD = [*[(shape, 1) for shape in SHAPES], ((2, 5, 7), 2), ((3, 4), 2), ((5,), 1)]
ATTENTION = [
    (shape, depths, causal, mask)
    for shape, depths in [
        ((1, 1), (1, 1)),
        ((5, 7), (3, 2)),
        ((2, 33, 40), (16, 16)),
        ((2, 3, 70, 65), (33, 64)),
        ((3, 0, 4), (2, 2)),
        ((0, 3, 4), (2, 2)),
    ]
    for causal in (False, True)
    for mask in ("", "full", "shared", "keys", "queries")
] + [((1, 20, 150), (128, 100), True, "")]
BIAS = [
    ((3, 7), (7,)),
    ((1000, 33), (33,)),
    ((2, 5, 3, 4), (5, 1, 1)),
    ((2, 5, 3), (1, 5, 1)),
    ((5, 3), ()),
    ((5, 3), (5, 3)),
    ((0, 3), (3,)),
]
DROPOUT = [*[(shape,) for shape in [(1,), (3, 7), (4097,), (0, 3), ()]], ((3, 5), 3)]
TABLE: dict[str, tuple[Callable[..., Arguments], list[Any]]] = {
    **{f"bias_{name}": (bias, BIAS) for name in WITH_BIAS},
    **{f"bias_{name}_slope": (bias_slope(name), BIAS) for name in WITH_BIAS},
    "attention": (attention, ATTENTION),
    "attention_slope": (attention_slope, ATTENTION),
    "cross_entropy": (cross_entropy, ENTROPY),
    "cross_entropy_slope": (cross_entropy_slope, ENTROPY),
    "dropout": (dropout, DROPOUT),
    "dropout_slope": (dropout_slope, DROPOUT),
    "log_softmax": (softmax, SOFTMAX),
    "log_softmax_slope": (log_softmax_slope, SOFTMAX),
    "softmax": (softmax, SOFTMAX),
    "softmax_slope": (softmax_slope, SOFTMAX),
    "standardize": (standardize, STANDARD),
    "standardize_slope": (standardize_slope, STANDARD),
}


def test_every_composite_is_here() -> None:
    assert set(TABLE) == set(COMPOSITES)


def transposed(x: np.ndarray) -> np.ndarray:
    """The same values, the last two axes the other way round in memory."""
    return np.asarray(x.swapaxes(-1, -2), order="C").swapaxes(-1, -2) if x.ndim > 1 else x


def spaced(x: np.ndarray) -> np.ndarray:
    """The same values, every second element of a larger array."""
    if not x.ndim:
        return x
    room = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan if x.dtype.kind == "f" else -1)
    view = room.astype(x.dtype)[..., ::2]
    view[...] = x
    return view


def broadcast(x: np.ndarray) -> np.ndarray:
    """The first row for all rows, as a view with stride 0."""
    return np.broadcast_to(x[:1], x.shape) if x.ndim and len(x) else x


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "contiguous": lambda x: x,
    "transposed": transposed,
    "spaced": spaced,
    "broadcast": broadcast,
}


def on_device(backend: Any, x: Any, layout: str) -> Any:
    """``x`` on the backend's device in that layout: a copy to a device is contiguous, so there it
    is laid out again by the library's own views."""
    if not isinstance(x, np.ndarray):
        return x
    base = LAYOUTS[layout](x)
    if backend.name == "numpy":
        return base
    if layout == "transposed" and x.ndim > 1:
        return backend.xp.moveaxis(
            backend.asarray(np.ascontiguousarray(x.swapaxes(-1, -2))), -1, -2
        )
    if layout == "spaced" and x.ndim:
        return backend.asarray(np.repeat(x, 2, axis=-1))[..., ::2]
    if layout == "broadcast" and x.ndim and len(x):
        return backend.xp.broadcast_to(backend.asarray(np.ascontiguousarray(x[:1])), x.shape)
    return backend.asarray(x)


def results(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)


def narrowed(x: np.ndarray, dtype: str) -> np.ndarray:
    """``x`` in ``dtype``, if it is of numbers, of which the lowest becomes the lowest."""
    if x.dtype != np.float64:
        return x
    return np.where(x == np.finfo(float).min, np.finfo(dtype).min, x).astype(dtype)


def widened(x: np.ndarray, dtype: str) -> np.ndarray:
    return np.where(x == np.finfo(dtype).min, np.finfo(float).min, x) if x.dtype == dtype else x


def check(backend: Any, name: str, args: list[Any], params: Any, dtype: str, layout: str) -> None:
    args = [narrowed(np.asarray(a), dtype) for a in args]
    if layout == "broadcast":  # of the first alone: the others were made from one another
        args[0] = broadcast(args[0])
    wide = [widened(a, dtype) for a in args]
    with np.errstate(all="ignore"):
        expected = results(COMPOSITES[name].formula(*wide, **params))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        native = [on_device(backend, a, layout) for a in args]
        if layout == "broadcast":
            native[1:] = [on_device(backend, a, "contiguous") for a in args[1:]]
        found = results(backend.kernels[name](*native, **params))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        a = backend.to_numpy(backend.native(a))
        assert a.shape == b.shape
        assert a.dtype == (dtype if b.dtype.kind == "f" else b.dtype)
        tolerance = TOLERANCE[dtype]
        np.testing.assert_allclose(widened(a, dtype), b, rtol=tolerance, atol=tolerance)


def kernels() -> list[Any]:
    """Each backend with each kernel of a composite that it has."""
    return [
        pytest.param(backend, name, id=f"{name}-{backend}") for backend in NAMES for name in TABLE
    ]


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Any:
    return plugin(request.param)


every_kernel = pytest.mark.parametrize(("backend", "name"), kernels(), indirect=["backend"])


def needed(backend: Any, name: str) -> None:
    if name not in backend.kernels:
        pytest.skip(f"{backend.name} has no kernel for it")


@every_kernel
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_formula(backend: Any, name: str, layout: str, dtype: str) -> None:
    needed(backend, name)
    make, rows = TABLE[name]
    for row in rows:
        if 0 in row[0] and layout != "contiguous":
            continue
        args, params = make(np.random.default_rng(0), *row)
        check(backend, name, args, params, dtype, layout)


@every_kernel
def test_half_precision(backend: Any, name: str) -> None:
    needed(backend, name)
    if backend.name == "torch":
        pytest.skip("the library's own functions, on the CPU not all in half precision")
    make, rows = TABLE[name]
    args, params = make(np.random.default_rng(0), *rows[3])
    check(backend, name, args, params, "float16", "contiguous")


# What is infinite or NaN, and cotangents of zero beside it.

BAD = np.asarray(
    [[0.5, -np.inf, 1.0], [-np.inf] * 3, [np.inf, 0.0, 1.0], [np.nan, 0.0, 1.0], [800.0, -800, 0]]
)


@every_kernel
def test_infinities(backend: Any, name: str) -> None:
    needed(backend, name)
    make, _ = TABLE[name]
    if make is softmax:
        args, params = [BAD], {"axis": (-1,)}
    elif make in (softmax_slope, log_softmax_slope):
        with np.errstate(all="ignore"):
            y = COMPOSITES[name.removesuffix("_slope")].formula(BAD, axis=(-1,))
        t = np.asarray([[1.0, 2.0, 3.0], [0.0] * 3, [0.0] * 3, [0.0] * 3, [1.0, 0.0, -1.0]])
        args, params = [t, y], {"axis": (-1,)}
    elif make is standardize:
        args, params = [BAD], {"last": 1, "epsilon": 1e-3}
    else:
        pytest.skip("its arguments are those of the others")
    with np.errstate(all="ignore"):
        expected = results(COMPOSITES[name].formula(*args, **params))
        found = results(backend.kernels[name](*map(backend.asarray, args), **params))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(backend.to_numpy(backend.native(a)), b, rtol=1e-12, atol=1e-14)
