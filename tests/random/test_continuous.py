"""Uniform, normal and truncated normal numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from gpubp import errors
from gpubp.random import continuous, key, normal, split, truncated_normal, uniform
from gpubp.random.continuous import _normal_quantile

ULPS = 8  # what normal's docstring promises
DTYPES = ["float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-3.0, 7.5), (1.0, 1.0000005), (0, 10)])
def test_uniform_is_identical_everywhere(library, make_key, dtype, bounds):
    got = uniform(make_key(1), (1000,), dtype, *bounds)
    assert got.dtype == getattr(library.xp, dtype)
    assert got.device == library.device
    want = uniform(key(1, "numpy"), (1000,), dtype, *bounds)
    assert want.min() >= bounds[0]
    assert want.max() < bounds[1]
    np.testing.assert_array_equal(library.to_numpy(got), want)


@pytest.mark.parametrize(("dtype", "digits"), [("float32", 24), ("float64", 53)])
def test_uniform_fills_the_significand(dtype, digits):
    u = uniform(key(2, "numpy"), (100_000,), dtype)
    steps = u.astype("float64") * 2.0**digits
    np.testing.assert_array_equal(steps, np.floor(steps))
    odd = np.mean(steps % 2)
    assert abs(odd - 0.5) < 5 * 0.5 / math.sqrt(u.size)  # the lowest bit is a coin too


def test_uniform_with_array_bounds(library, make_key):
    low = np.array([[0.0], [10.0]])
    got = uniform(make_key(1), (2, 3), "float64", library.asarray(low), library.asarray(low + 1))
    want = uniform(key(1, "numpy"), (2, 3), "float64") + low
    np.testing.assert_allclose(library.to_numpy(got), want, rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("error")
def test_extreme_words(monkeypatch, dtype):
    """The smallest and the largest word, which few tests would ever draw."""

    def extreme(key, shape, nbits):
        words = np.zeros(shape, np.int64)
        words[..., 1::2] = 2**nbits - 1
        return words

    monkeypatch.setattr(continuous, "random_bits", extreme)
    k = key(0, "numpy")
    digits = {"float32": 24, "float64": 53}[dtype]
    assert uniform(k, 2, dtype).tolist() == [0.0, 1 - 2.0**-digits]
    for low, high in [(-1.0, 1.0), (1.0, 1.0000005), (-1e-30, 1e30), (1e10, 1.0000001e10)]:
        u = uniform(k, 2, dtype, low, high)
        assert u.min() >= np.array(low, dtype)
        assert u.max() < np.array(high, dtype)
    largest = math.sqrt(2 * math.log(2) * {"float32": 31, "float64": 63}[dtype])
    x = normal(k, 4, dtype)  # radius from 0, 1 and angle from 0, 1
    np.testing.assert_allclose(x, [largest, 0, 0, 0], rtol=1e-6, atol=1e-6)
    for low, high in [(-2.0, 2.0), (-math.inf, math.inf), (-1.0, math.inf), (-math.inf, 1.0)]:
        x = truncated_normal(k, low, high, 2, dtype)
        assert np.isfinite(x).all()
        assert low <= x.min() < x.max() <= high


def test_numbers_are_weak():
    one = np.float64(1.0)
    assert uniform(key(0, "numpy"), 3, "float32", -one, one).dtype == np.float32
    assert truncated_normal(key(0, "numpy"), -one, one, 3, "float32").dtype == np.float32


def test_dtypes_of_other_libraries_are_names():
    assert str(uniform(key(0, "torch"), 3, np.float64).dtype) == "torch.float64"


@pytest.mark.parametrize("draw", [uniform, normal])
def test_default_dtype_is_the_librarys(library, make_key, draw):
    info = library.xp.__array_namespace_info__()
    default = info.default_dtypes(device=library.device)["real floating"]
    assert draw(make_key(0), (2,)).dtype == default


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_within_the_stated_ulps(library, make_key, dtype):
    count = 20_000 if library.name == "cupy" else 1_000_000
    want = normal(key(4, "numpy"), (count,), dtype)
    got = library.to_numpy(normal(make_key(4), (count,), dtype))
    assert got.dtype == dtype
    ulps = np.abs(got - want) / np.spacing(np.abs(want))
    assert ulps.max() <= ULPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_is_accurate(dtype):
    """Against the same formula in double precision, from the same bits."""
    got = normal(key(4, "numpy"), (100_000,), dtype)
    nbits = {"float32": 31, "float64": 63}[dtype]
    from gpubp.rules.philox import random_bits

    bits = random_bits(key(4, "numpy"), shape=(2, 50_000), nbits=nbits).astype(dtype)
    angle = (bits[1] * np.array(2 * math.pi * 2.0**-nbits, dtype)).astype(np.longdouble)
    unit = (bits[0] + np.array(1, dtype)).astype(np.longdouble) * np.longdouble(2) ** -nbits
    radius = np.sqrt(-2 * np.log(unit))
    want = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    ulps = np.abs(got - want) / np.spacing(np.abs(want.astype(dtype)))
    assert float(ulps.max()) <= 5


@given(shape=st.lists(st.integers(0, 5), max_size=3), batch=st.lists(st.integers(0, 3), max_size=2))
def test_shapes(shape, batch):
    keys = split(key(0, "numpy"), tuple(batch))
    for draw in (
        lambda: uniform(keys, shape),
        lambda: normal(keys, shape),
        lambda: truncated_normal(keys, -1, 1, shape),
    ):
        assert draw().shape == (*batch, *shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", [0, 1])
def test_distributions(dtype, seed):
    n = 200_000
    k = split(key(seed, "numpy"), 8)
    cases = [
        (uniform(k[0], n, dtype), scipy.stats.uniform()),
        (uniform(k[1], n, dtype, -2.0, 3.0), scipy.stats.uniform(-2, 5)),
        (normal(k[2], n, dtype), scipy.stats.norm()),
        (normal(k[3], n + 1, dtype)[1:], scipy.stats.norm()),
        (truncated_normal(k[4], -2, 2, n, dtype), scipy.stats.truncnorm(-2, 2)),
        (truncated_normal(k[5], 1.5, math.inf, n, dtype), scipy.stats.truncnorm(1.5, math.inf)),
        (truncated_normal(k[6], -9, -7.5, n, dtype), scipy.stats.truncnorm(-9, -7.5)),
        (truncated_normal(k[7], -math.inf, 0.5, n, dtype), scipy.stats.truncnorm(-math.inf, 0.5)),
    ]
    for i, (x, distribution) in enumerate(cases):
        x = x.astype("float64")
        assert scipy.stats.kstest(x, distribution.cdf).pvalue > 1e-3, i
        mean, variance = distribution.stats("mv")
        assert abs(x.mean() - mean) < 4.5 * math.sqrt(variance / n), i
        fourth = np.mean((x - mean) ** 4)
        assert abs(np.mean((x - mean) ** 2) - variance) < 4.5 * math.sqrt(fourth / n), i


def test_normal_tails():
    x = np.abs(normal(key(7, "numpy"), 4_000_000, "float32"))
    for bound in (3.0, 4.0, 4.5):
        p = math.erfc(bound / math.sqrt(2))
        expected = p * x.size
        assert abs((x > bound).sum() - expected) < 4.5 * math.sqrt(expected)


def test_neighbours_and_halves_of_normal_are_uncorrelated():
    x = normal(key(8, "numpy"), 200_000)
    half = x.size // 2  # the two results of one transform stand half the array apart
    for a, b in [(x[:-1], x[1:]), (x[:half], x[half:]), (x[:half] ** 2, x[half:] ** 2)]:
        assert abs(np.corrcoef(a, b)[0, 1]) < 4.5 / math.sqrt(a.size)


@pytest.mark.parametrize("dtype", DTYPES)
def test_truncated_normal_everywhere(library, make_key, dtype):
    for bounds in [(-2.0, 2.0), (3.0, 5.0), (-math.inf, -1.0)]:
        got = library.to_numpy(truncated_normal(make_key(1), *bounds, (500,), dtype))
        want = truncated_normal(key(1, "numpy"), *bounds, (500,), dtype)
        assert got.dtype == dtype
        assert got.min() >= bounds[0]
        assert got.max() <= bounds[1]
        np.testing.assert_allclose(got, want, rtol={"float32": 2e-5, "float64": 1e-12}[dtype])


def test_normal_quantile_to_seven_digits():
    p = np.concatenate([np.logspace(-300, -0.5, 3000), np.linspace(0.1, 0.9, 1001)])
    got = _normal_quantile(np, p)
    np.testing.assert_allclose(got, scipy.stats.norm.ppf(p), rtol=2e-7, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda k: uniform(0), TypeError, "uniform: key must be a random key, given int 0"),
        (lambda k: normal(k, -3), ValueError, "normal: shape must have no negative axis, given -3"),
        (lambda k: uniform(k, (2, -3)), ValueError, r"uniform: shape .* given \(2, -3\)"),
        (
            lambda k: uniform(k, 2.5),
            TypeError,
            "uniform: shape must be an integer or a tuple of in",
        ),
        (
            lambda k: uniform(k, 3, 1.5),
            TypeError,
            "uniform: dtype must be float32 or float64, given 1.5",
        ),
        (
            lambda k: uniform(k, 3, "int32"),
            TypeError,
            "uniform: dtype must be float32 or float64, given .*int32.*Remedy: draw float32",
        ),
        (lambda k: normal(k, 3, "nonsense"), TypeError, "normal: dtype must .* given nonsense"),
        (lambda k: uniform(k, 3, None, 1.0, 1.0), ValueError, "uniform: minval must be less than"),
        (lambda k: uniform(k, 3, None, math.nan, 1.0), ValueError, "given minval=nan, maxval=1.0"),
        (
            lambda k: uniform(k, 3, "float32", -3e38, 3e38),
            ValueError,
            r"uniform: maxval - minval must be at most 3.40282e\+38 for .*float32",
        ),
        (
            lambda k: truncated_normal(k, 2.0, -2.0),
            ValueError,
            "truncated_normal: lower must be less than upper, given lower=2.0, upper=-2.0",
        ),
        (
            lambda k: truncated_normal(k, 50.0, 51.0),
            ValueError,
            r"truncated_normal: \[lower, upper\] must have a probability of at least 2.23e-308",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call(key(0, "numpy"))
    assert isinstance(caught.value, errors.GpubpError)
