"""Errors of the elementary functions, in units in the last place, and their values at the edges."""

import numpy as np
import pytest

from backends.numpy.native.kernels import kernel, run, step
from gpubp_numpy import native

special = pytest.importorskip("scipy.special")
if not native.available():
    pytest.skip("llvmlite is not installed", allow_module_level=True)

# Largest errors that elementary.py states, float32 and float64 (None: the C library's).
ULPS = {
    "cos": (1.6, 1.5),
    "exp": (1.1, 1.0),
    "expm1": (1.5, 1.8),
    "log": (0.9, 0.9),
    "log10": (0.6, None),
    "log1p": (1.5, 1.5),
    "log2": (0.6, None),
    "sin": (1.6, 1.5),
    "special.erf": (1.4, None),
    "special.erfc": (5.3, None),
    "special.expit": (2.5, 2.5),
    "special.log_expit": (2.0, 2.0),
    "tanh": (2.6, 2.6),
}
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0]


def reference(name):
    return getattr(special if name.startswith("special.") else np, name.rpartition(".")[2])


def values(name, x, dtype):
    found, results = kernel([x], [step(name, 0, dtype=dtype)], [1])
    return run(found, [x], results)[0]


def errors(y, exact, dtype):
    """In units of the last place of the rounded value; where that is infinite, 0 if y is."""
    rounded = exact.astype(dtype)
    finite = np.isfinite(rounded)
    same = (y == rounded) | (np.isnan(y) & np.isnan(rounded))
    gap = np.abs(y.astype(exact.dtype) - exact) / np.spacing(np.abs(rounded)).astype(exact.dtype)
    return np.where(finite & np.isfinite(y), gap, np.where(same, 0, np.inf))


@pytest.mark.parametrize("name", ULPS)
def test_float32_over_the_whole_range(name):
    x = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view("float32")
    x = np.concatenate([x, np.array(EDGES, "float32")])
    with np.errstate(all="ignore"):
        exact = reference(name)(x.astype("float64"))
        worst = errors(values(name, x, "float32"), exact, "float32")
    assert worst.max() <= ULPS[name][0], (x[worst.argmax()], worst.max())


wide = np.finfo(np.longdouble).nmant > 60
SAMPLED = ["cos", "exp", "expm1", "log", "log1p", "sin", "tanh"]


@pytest.mark.skipif(not wide, reason="no wider type to compare with")
@pytest.mark.parametrize("name", SAMPLED)
def test_float64_at_many_numbers(name):
    rng = np.random.default_rng(0)
    n = 20_000
    powers = 10.0 ** rng.uniform(-320, 300, n) * rng.choice([-1, 1], n)
    parts = [rng.normal(size=n), 20 * rng.normal(size=n), powers, rng.uniform(-746, 711, n), EDGES]
    x = np.concatenate(parts)
    if name in ("cos", "sin"):  # as long doubles themselves reduce larger angles inexactly
        x = x[~(np.abs(x) > 1e5)]
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.longdouble))
        worst = errors(values(name, x, "float64"), exact, "float64")
    assert worst.max() <= ULPS[name][1], (x[worst.argmax()], worst.max())


def test_float32_powers():
    rng = np.random.default_rng(0)
    edges = np.array([*EDGES, 2, -2, 3, -3, 0.5, -0.5, 1e38, -1e38, 1e-40, 2**24 + 2], "float32")
    a = np.concatenate([np.repeat(edges, len(edges)), rng.normal(size=10**5).astype("float32")])
    b = np.concatenate([np.tile(edges, len(edges)), 9 * rng.normal(size=10**5).astype("float32")])
    b[-5000:] = np.rint(b[-5000:])
    a[len(edges) ** 2 : 70000] = np.abs(a[len(edges) ** 2 : 70000])
    with np.errstate(all="ignore"):
        exact = a.astype("float64") ** b
        found, results = kernel([a, b], [step("pow", 0, 1)], [2])
        worst = errors(run(found, [a, b], results)[0], exact, "float32")
    assert worst.max() <= 0.51, (a[worst.argmax()], b[worst.argmax()], worst.max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_angles_beyond_the_fast_range_beside_others(name, dtype):
    x = np.array([1e30, 1.0, np.inf, -2e9, 0.5] * 20, dtype)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype("float64"))
    np.testing.assert_allclose(values(name, x, dtype), exact, 3e-7 if dtype == "float32" else 1e-15)
