"""Integers, events, orders and choices."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import scipy.stats

from gpubp import errors
from gpubp.random import (
    bernoulli,
    bits,
    categorical,
    choice,
    discrete,
    key,
    permutation,
    randint,
    split,
    uniform,
)
from gpubp.rules.philox import random_bits

# One row a function that promises identical results: a call with a key and the library.
IDENTICAL = {
    "bits": lambda k, lib: bits(k, (3, 5)),
    "bits: few": lambda k, lib: bits(k, 20, nbits=7),
    "bernoulli": lambda k, lib: bernoulli(k, 0.3, (50,)),
    "bernoulli: array": lambda k, lib: bernoulli(k, lib.asarray(np.linspace(0, 1, 50))),
    "bernoulli: float32": lambda k, lib: bernoulli(
        k, lib.asarray(np.linspace(0, 1, 9, dtype="f4"))
    ),
    "randint": lambda k, lib: randint(k, (4, 5), -3, 12),
    "randint: scalar": lambda k, lib: randint(k, (), 0, 10),
    "randint: 2**31": lambda k, lib: randint(k, 20, 0, 2**31),
    "randint: 2**40": lambda k, lib: randint(k, 20, -(2**40), 2**39 + 5),
    "randint: all of int64": lambda k, lib: randint(k, 20, -(2**63), 2**63),
    "randint: all of uint64": lambda k, lib: randint(k, 20, 0, 2**64, "uint64"),
    "randint: upper half of uint64": lambda k, lib: randint(k, (), 2**64 - 5, 2**64, "uint64"),
    "randint: int8": lambda k, lib: randint(k, 20, -128, 128, "int8"),
    "permutation": lambda k, lib: permutation(k, 1000),
    "permutation: array": lambda k, lib: permutation(k, lib.asarray(np.eye(6)), axis=1),
    "choice": lambda k, lib: choice(k, 10, (3, 4)),
    "choice: no replacement": lambda k, lib: choice(k, 10, 7, replace=False),
    "choice: array": lambda k, lib: choice(k, lib.asarray(np.eye(6)), (2, 2), axis=-1),
}


@pytest.mark.parametrize("name", IDENTICAL)
@pytest.mark.filterwarnings("error")
def test_identical_everywhere(library, make_key, name):
    import libraries

    got = IDENTICAL[name](make_key(11), library)
    want = IDENTICAL[name](key(11, "numpy"), libraries.get("numpy"))
    assert got.device == library.device
    got = library.to_numpy(got)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    np.testing.assert_array_equal(got, want)


def test_fewer_bits_are_the_upper_ones():
    k = key(3, "numpy")
    words = bits(k, 100)
    np.testing.assert_array_equal(bits(k, 100, nbits=9), words >> 23)
    assert bits(k, 100, nbits=9).dtype == np.int32
    long = bits(k, 50, nbits=63)
    np.testing.assert_array_equal(long >> 31, words[::2])


@pytest.mark.parametrize("nbits", [1, 8, 31, 32, 63])
def test_every_bit_is_a_coin(nbits):
    words = bits(key(9, "numpy"), 20_000, nbits=nbits)
    for i in range(nbits):
        ones = int((words >> i & 1).sum())
        assert abs(ones - 10_000) < 4.5 * math.sqrt(5_000)


def test_words_are_uniform_and_streams_independent():
    k = key(10, "numpy")
    streams = [k, *split(k, 3), *split(split(k, 1)[0])]
    words = np.stack([bits(s, 65_536) for s in streams])
    for row in words:
        for shift in (0, 24):
            counts = np.bincount(row >> shift & 255, minlength=256)
            assert scipy.stats.chisquare(counts).pvalue > 1e-3
    for i in range(len(streams)):
        for j in range(i):
            # pairs of bytes of two streams at the same place
            pairs = (words[i] >> 28) << 4 | words[j] >> 28
            assert scipy.stats.chisquare(np.bincount(pairs, minlength=256)).pvalue > 1e-4


def test_serial_pairs_are_uniform():
    words = bits(key(12, "numpy"), 200_000) >> 28
    for lag in (1, 2, 4):
        pairs = words[:-lag:2] << 4 | words[lag::2]
        assert scipy.stats.chisquare(np.bincount(pairs, minlength=256)).pvalue > 1e-3


@pytest.mark.parametrize("p", [0, 0.0, 1e-3, 0.25, 0.999, 1, 1.0])
def test_bernoulli_frequency(p):
    n = 200_000
    for given in (p, np.float32(p), np.array(p, "float64")):
        hits = int(bernoulli(key(1, "numpy"), given, (n,)).sum())
        assert abs(hits - n * p) <= 4.5 * math.sqrt(n * p * (1 - p))


def test_bernoulli_broadcasts():
    p = np.array([[0.0], [1.0]])
    hits = bernoulli(key(1, "numpy"), p, (2, 10))
    assert not hits[0].any()
    assert hits[1].all()
    assert bernoulli(key(1, "numpy"), p).shape == (2, 1)
    assert bernoulli(split(key(1, "numpy"), 3), 0.5, (4,)).shape == (3, 4)


@pytest.mark.parametrize(
    ("minval", "maxval"),
    [(0, 1), (0, 7), (-5, 5), (0, 256), (2**31 - 3, 2**31 + 3), (2**62, 2**62 + 5)],
)
def test_randint_is_uniform(minval, maxval):
    x = randint(key(2, "numpy"), 60_000, minval, maxval)
    counts = np.bincount(x - minval, minlength=maxval - minval)
    assert len(counts) == maxval - minval
    assert maxval - minval == 1 or scipy.stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("span", [2**31 - 1, 3 * 2**30, 3 * 2**40, 3 * 2**61, 2**63, 2**64])
def test_randint_of_wide_ranges(span):
    """Where multiplying or reducing one word would show: quarters, and the lowest bits."""
    low = 0 if span > 2**63 else -(span // 2)
    x = randint(key(3, "numpy"), 40_000, low, low + span, "uint64" if low == 0 else None)
    offsets = [int(i) - low for i in x]
    assert min(offsets) >= 0
    assert max(offsets) < span
    quarters = Counter(4 * i // span for i in offsets)
    assert scipy.stats.chisquare([quarters[i] for i in range(4)]).pvalue > 1e-3
    lowest = Counter(i % 16 for i in offsets)
    assert scipy.stats.chisquare([lowest[i] for i in range(16)]).pvalue > 1e-3


def test_randint_is_the_exact_product():
    """Against floor(0.words * span) in Python's integers."""
    for span in (6, 2**16 - 1):
        words = random_bits(key(4, "numpy"), shape=(50,), nbits=47).tolist()
        got = randint(key(4, "numpy"), 50, 0, span).tolist()
        assert got == [word * span >> 47 for word in words]
    for span in (2**16, 2**31 - 1, 2**31, 2**45 + 3, 2**62 - 1, 2**63, 2**64 - 1):
        limbs = -(-span.bit_length() // 31)
        words = random_bits(key(4, "numpy"), shape=(limbs + 1, 50), nbits=31)
        got = randint(key(4, "numpy"), 50, 0, span, "uint64")
        for column, value in zip(words.T.tolist(), got, strict=True):
            fraction = sum(word << 31 * i for i, word in enumerate(column))
            assert int(value) == fraction * span >> 31 * (limbs + 1)


def test_permutation_is_one(library, make_key):
    for n in (0, 1, 2, 100):
        order = library.to_numpy(permutation(make_key(n), n))
        np.testing.assert_array_equal(np.sort(order), np.arange(n))
    x = np.arange(12).reshape(3, 4)
    rows = library.to_numpy(permutation(make_key(1), library.asarray(x)))
    order = library.to_numpy(permutation(make_key(1), 3))
    np.testing.assert_array_equal(rows, x[order])
    keys = split(make_key(1), 3)
    orders = library.to_numpy(permutation(keys, 5))
    for i in range(3):
        one = library.to_numpy(permutation(keys[i, :], 5))
        np.testing.assert_array_equal(orders[i], one)


def test_permutation_sorts_63_bits_and_keeps_ties(library, make_key, monkeypatch):
    order = library.to_numpy(permutation(make_key(1), 2000))
    words = random_bits(key(1, "numpy"), shape=(2000,), nbits=63)
    np.testing.assert_array_equal(order, np.argsort(words, stable=True))
    monkeypatch.setattr(
        discrete, "random_bits", lambda key, shape, nbits: random_bits(key, shape=shape, nbits=4)
    )
    order = library.to_numpy(permutation(make_key(1), 2000))
    words = random_bits(key(1, "numpy"), shape=(2000,), nbits=4)
    np.testing.assert_array_equal(order, np.argsort(words, stable=True))


def test_all_orders_are_equally_likely():
    orders = permutation(split(key(5, "numpy"), 24_000), 4)
    counts = Counter(map(tuple, orders.tolist()))
    assert len(counts) == 24
    assert scipy.stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_choice():
    k = key(6, "numpy")
    without = choice(k, 20, 20, replace=False)
    np.testing.assert_array_equal(np.sort(without), np.arange(20))
    counts = np.bincount(choice(k, 5, 50_000), minlength=5)
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    x = np.arange(30.0).reshape(2, 3, 5)
    for axis in (1, -2):
        taken = choice(k, x, (4, 2), axis=axis)
        assert taken.shape == (2, 4, 2, 5)
        np.testing.assert_array_equal(taken, x[:, choice(k, 3, (4, 2))])
    assert choice(k, 0, 0).shape == (0,)


def test_categorical(library, make_key):
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        logits = library.asarray(np.log(p))
    n = 300 if library.name == "cupy" else 20_000
    drawn = library.to_numpy(categorical(split(make_key(7), n), logits))
    assert drawn.shape == (n, 2)
    counts = [np.bincount(column, minlength=3) for column in drawn.T]
    assert counts[1][2] == 0
    assert scipy.stats.chisquare(counts[0], n * p[0]).pvalue > 1e-3
    assert scipy.stats.chisquare(counts[1][:2]).pvalue > 1e-3
    one = categorical(make_key(7), library.xp.matrix_transpose(logits), axis=0)
    assert one.shape == (2,)


def test_categorical_never_meets_an_infinity():
    """The uniform numbers inside it are never 0 or 1, even in float32."""
    logits = np.full((100_000, 2), -np.inf, "float32")
    logits[:, 0] = 0
    assert not categorical(key(1, "numpy"), logits).any()


KEY_MESSAGE = "key must be a random key, given float 1.0"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda k: bits(1.0, 3), TypeError, f"bits: {KEY_MESSAGE}"),
        (lambda k: bits(k, 3, nbits=64), ValueError, "bits: nbits must be from 1 to 63, given 64"),
        (lambda k: bits(k, 3, nbits=0), ValueError, "bits: nbits must be from 1 to 63, given 0"),
        (lambda k: bits(k, -1), ValueError, "bits: shape must have no negative axis, given -1"),
        (lambda k: bernoulli(1.0), TypeError, f"bernoulli: {KEY_MESSAGE}"),
        (lambda k: bernoulli(k, 1.5), ValueError, "bernoulli: p must be from 0 to 1, given 1.5"),
        (
            lambda k: bernoulli(k, math.nan),
            ValueError,
            "bernoulli: p must be from 0 to 1, given nan",
        ),
        (
            lambda k: bernoulli(k, "a"),
            TypeError,
            "bernoulli: p must be a number or an array, given s",
        ),
        (lambda k: bernoulli(k, 0.5, -1), ValueError, "bernoulli: shape must have no negative"),
        (lambda k: randint(1.0, 3, 0, 1), TypeError, f"randint: {KEY_MESSAGE}"),
        (
            lambda k: randint(k, 3, 5, 5),
            ValueError,
            "randint: minval must be less than maxval, giv",
        ),
        (lambda k: randint(k, 3, 0.0, 5), TypeError, "randint: minval and maxval must be integers"),
        (lambda k: randint(k, -3, 0, 5), ValueError, "randint: shape must have no negative axis"),
        (
            lambda k: randint(k, 3, 0, 257, "uint8"),
            ValueError,
            "randint: .*uint8.* holds 0 to 255, given minval=0, maxval=257. Remedy: a wider dtype",
        ),
        (
            lambda k: randint(k, 3, 0, 2**64),
            ValueError,
            "randint: .*int64.* holds -9223372036854775",
        ),
        (
            lambda k: randint(k, 3, 0, 5, "float32"),
            TypeError,
            "randint: dtype must be an integer dt",
        ),
        (lambda k: randint(k, 3, 0, 5, "int7"), TypeError, "randint: dtype .* given int7"),
        (lambda k: permutation(1.0, 3), TypeError, f"permutation: {KEY_MESSAGE}"),
        (lambda k: permutation(k, -3), ValueError, "permutation: x must not be negative, given -3"),
        (lambda k: permutation(k, 2.0), TypeError, "permutation: x must be an integer or an array"),
        (
            lambda k: permutation(k, np.eye(2), 2),
            ValueError,
            "permutation: an array of 2 axes has no",
        ),
        (
            lambda k: permutation(split(k), np.eye(2)),
            ValueError,
            r"permutation: key must be one key, shape \(2,\), given shape \(2, 2\).*gpubp.vmap",
        ),
        (lambda k: choice(1.0, 3), TypeError, f"choice: {KEY_MESSAGE}"),
        (lambda k: choice(split(k), 3), ValueError, "choice: key must be one key"),
        (lambda k: choice(k, 3, 4, False), ValueError, "choice: can't draw 4 from 3 without repla"),
        (lambda k: choice(k, 0, 1), ValueError, "choice: can't draw 1 from 0, given shape"),
        (lambda k: categorical(1.0, np.ones(3)), TypeError, f"categorical: {KEY_MESSAGE}"),
        (lambda k: categorical(k, np.ones(3, "int64")), TypeError, "categorical: dtype must be fl"),
        (
            lambda k: categorical(k, np.ones(3), 1),
            ValueError,
            "categorical: an array of 1 axes has",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call(key(0, "numpy"))
    assert isinstance(caught.value, errors.GpubpError)


def test_array_probabilities_keep_their_precision():
    p = np.full(1000, 2.0**-40)
    p[0] = 1.0
    assert bernoulli(key(0, "numpy"), p).tolist() == [True] + [False] * 999
    assert uniform(key(0, "numpy"), (3,), "float64").dtype == np.float64
