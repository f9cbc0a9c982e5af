"""Every operation against the library's own NumPy kernel: all dtypes, special values."""

import numpy as np
import pytest

import gpubp.special  # noqa: F401  # registers its functions
from backends.numpy.native.kernels import expected, kernel, run, step
from gpubp.core.backend import get_backend
from gpubp.core.primitive import PRIMITIVES
from gpubp_numpy import native
from gpubp_numpy.native.operations import OPERATIONS

if not native.available():
    pytest.skip("llvmlite is not installed", allow_module_level=True)

DTYPES = ["bool", "int8", "int32", "int64", "uint8", "uint32", "uint64", "float32", "float64"]
ULPS = {"float32": 4, "float64": 4}
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-40, -1e-40, 1e-310, 1e30, -1e30, 88.8, -104.5]
SPECIAL += [np.inf, -np.inf, np.nan, 2.0**31, 1e-4, 0.3, -0.7, 7.0, -7.0, 710.5, -746.0]


def draw(dtype, which):
    """All pairs of special values, at different places for each argument; then random ones."""
    rng = np.random.default_rng(which)
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(700) < 0.5
    if kind in "iu":
        info = np.iinfo(dtype)
        edges = np.array([info.min, info.max, 0, 1, info.max // 2, 7, info.min // 2 + 3], dtype)
        values = np.concatenate([edges, rng.integers(0, 20, 18).astype(dtype)])
    else:
        with np.errstate(over="ignore", under="ignore"):
            values = np.array(SPECIAL, dtype)
    count = len(values)
    places = np.arange(count * count)
    pairs = values[places // count if which % 2 else places % count]
    return np.concatenate([pairs, values, rng.permutation(values)]).astype(dtype)


def arity(name):
    return len(PRIMITIVES[name].__signature__.parameters) if name != "astype" else 1


def result_dtype(name, args):
    with np.errstate(all="ignore"):
        return str(np.asarray(PRIMITIVES[name].lower(get_backend("numpy"))(*args)).dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"astype", "where", "stop_gradient"}))
def test_operation(name, dtype):
    args = [draw(dtype, which) for which in range(arity(name))]
    try:
        wanted = result_dtype(name, args)
    except (TypeError, ValueError):
        pytest.skip("not defined")
    found, results = kernel(args, [step(name, *range(len(args)), dtype=wanted)], [len(args)])
    if not native.supports(found):
        assert np.dtype(dtype).kind != "f" or "float16" in wanted
        pytest.skip("not offered")
    compare(run(found, args, results)[0], expected(found, args)[0])


def compare(y, reference):
    assert y.dtype == reference.dtype
    if y.dtype.kind != "f":
        np.testing.assert_array_equal(y, reference)
        return
    bad = ~(y == reference) & ~(np.isnan(y) & np.isnan(reference))
    if bad.any():
        units = np.spacing(np.abs(np.where(bad, reference, 1)))
        with np.errstate(invalid="ignore"):
            error = np.where(bad, np.abs(y - reference) / units, 0)
        assert error.max() <= ULPS[str(y.dtype)], (np.argmax(error), error.max())
    zero = (y == 0) & (reference == 0)
    np.testing.assert_array_equal(np.signbit(y[zero]), np.signbit(reference[zero]))


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_astype(dtype, target):
    x = draw(dtype, 0)
    if np.dtype(dtype).kind == "f" and np.dtype(target).kind in "iu":  # undefined beyond its range
        x = np.linspace(0, 100, 50).astype(dtype)
    found, results = kernel([x], [step("astype", 0, dtype=target)], [1])
    compare(run(found, [x], results)[0], expected(found, [x])[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_where(dtype):
    args = [draw("bool", 0), draw(dtype, 1)[:700], draw(dtype, 2)[:700]]
    args[0] = args[0][: len(args[1])]
    found, results = kernel(args, [step("where", 0, 1, 2, dtype=dtype)], [3])
    compare(run(found, args, results)[0], expected(found, args)[0])


@pytest.mark.parametrize(
    ("args", "dtype", "given"),
    [
        ((0, (2.5,)), "float32", "float32"),
        (((1,), 0), "float64", "float64"),
        ((0, (3,)), "int8", "int8"),
        ((0, (0.5,)), "float64", "int64"),
    ],
)
def test_literals_take_the_dtype_of_the_array(args, dtype, given):
    x = draw(given, 0)
    found, results = kernel([x], [step("subtract", *args, dtype=dtype)], [1])
    compare(run(found, [x], results)[0], expected(found, [x])[0])
