"""Keys, and keys made of keys."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import gpubp
import libraries
from gpubp import errors
from gpubp.random import bits, fold_in, key, normal, randint, split
from gpubp.rules.philox import philox


def test_key_holds_the_seeds_words(library, make_key):
    for seed in (0, 1, 2**32 - 1, 2**32, 2**64 - 1, np.uint64(2**63)):
        made = make_key(seed)
        assert made.dtype == library.xp.int64
        assert made.device == library.device
        assert library.to_numpy(made).tolist() == [int(seed) & 0xFFFFFFFF, int(seed) >> 32]


def test_a_key_on_a_second_device():
    """Its bits are made there even while the first device is the current one."""
    try:
        libraries.get("cupy")
    except ImportError as error:
        pytest.skip(str(error))
    backend = gpubp.get_backend("cupy")
    if len(backend.devices()) < 2:
        pytest.skip("one CUDA device")
    k = key(1, "cupy", "1")
    words = bits(k, 7)
    assert k.device.id == words.device.id == 1
    assert words.get().tolist() == bits(key(1, "numpy"), 7).tolist()
    with k.device:
        for x in (split(k), fold_in(k, 3), normal(k, (3,)), randint(k, 3, 0, 9)):
            assert x.device.id == 1


def test_fold_in_takes_numbers_of_other_libraries():
    k = key(5, "torch")
    assert fold_in(k, np.int64(3)).tolist() == fold_in(k, 3).tolist()


def test_key_takes_the_backend_in_use_and_names_of_devices():
    with gpubp.use_backend("torch"):
        assert type(key(0)).__module__ == "torch"
    assert type(key(0, "array_api_strict", "device1").device).__name__ == "Device"
    assert "device1" in str(key(0, "array_api_strict", "device1").device)


def test_split_and_fold_in_read_the_counters_that_they_say(make_key, library):
    seed = 2**40 + 17
    words = (17, 2**8)
    children = library.to_numpy(split(make_key(seed), 4)).reshape(-1).tolist()
    assert children == [*philox((0, 0, 0, 1), words), *philox((1, 0, 0, 1), words)]
    assert library.to_numpy(fold_in(make_key(seed), 9)).tolist() == list(
        philox((0, 0, 9, 2), words)[:2]
    )


def test_what_a_key_gives_never_coincides():
    """Words of 64 bits from bits, split and fold_in, all distinct, for seeds next to each other."""
    seen: list[int] = []
    for seed in range(20):
        k = key(seed, "numpy")
        pairs = [bits(k, (50, 2)), split(k, 50)]
        pairs += [fold_in(k, i)[None] for i in range(20)]
        pairs += [bits(fold_in(k, 1), (50, 2)), split(split(k)[0], 50), bits(split(k)[1], (50, 2))]
        seen += [int(high) << 32 | int(low) for high, low in np.concatenate(pairs)]
    assert len(seen) == 20 * 270
    assert len(set(seen)) == len(seen)


def test_split_is_stable_and_shaped(library, make_key):
    k = make_key(5)
    three = library.to_numpy(split(k, 3))
    assert three.shape == (3, 2)
    np.testing.assert_array_equal(library.to_numpy(split(k)), three[:2])
    np.testing.assert_array_equal(
        library.to_numpy(split(k, (2, 5))).reshape(10, 2), library.to_numpy(split(k, 10))
    )
    assert split(k, 0).shape == (0, 2)
    batch = library.to_numpy(split(split(k, 3), 4))
    for i, j in itertools.product(range(3), range(4)):
        one = library.to_numpy(split(split(k, 3)[i, :], 4)[j, :])
        np.testing.assert_array_equal(batch[i, j], one)


def test_fold_in_takes_arrays(library, make_key):
    k = make_key(5)
    steps = np.array([[0, 3], [2**32 - 1, 8]])
    want = np.array([[library.to_numpy(fold_in(k, int(i))) for i in row] for row in steps])
    got = fold_in(k, library.asarray(steps))
    np.testing.assert_array_equal(library.to_numpy(got), want)
    small = fold_in(k, library.asarray(np.array(3, np.uint8)))
    np.testing.assert_array_equal(library.to_numpy(small), want[0, 1])
    # An array is taken modulo 2**32, so that a negative number has its key too.
    negative = fold_in(k, library.asarray(np.array(-1)))
    np.testing.assert_array_equal(library.to_numpy(negative), want[1, 0])
    keys = split(k, 2)
    both = library.to_numpy(fold_in(keys, library.asarray(steps)))
    for i, j in itertools.product(range(2), range(2)):
        one = library.to_numpy(fold_in(keys[j, :], int(steps[i, j])))
        np.testing.assert_array_equal(both[i, j], one)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda k: key(1.5), TypeError, "key: seed must be an integer, given float 1.5"),
        (
            lambda k: key(-1),
            ValueError,
            r"key: seed must be at least 0 and below 2\*\*64, given -1",
        ),
        (lambda k: key(2**64), ValueError, r"below 2\*\*64, given 1844.*Remedy: seed % 2\*\*64"),
        (
            lambda k: split(7),
            TypeError,
            r"split: key must be a random key, given int 7. Remedy: make one with "
            r"gpubp.random.key\(7\)",
        ),
        (
            lambda k: split(np.zeros(2)),
            TypeError,
            r"split: key must be a random key \(int64\), given an array of float64",
        ),
        (
            lambda k: split(np.zeros((2, 3), np.int64)),
            ValueError,
            r"split: key must be a random key or an array of them, shape \(..., 2\), given "
            r"shape \(2, 3\). Remedy: split\(key, n\)",
        ),
        (lambda k: split(k, -1), ValueError, "split: shape must have no negative axis, given -1"),
        (lambda k: split(k, 2.0), TypeError, "split: shape must be an integer or a tuple"),
        (
            lambda k: fold_in(k, "a"),
            TypeError,
            "fold_in: data must be an integer, .*given str 'a'",
        ),
        (lambda k: fold_in(k, -1), ValueError, r"fold_in: data .* below 2\*\*32, given -1"),
        (
            lambda k: fold_in(k, np.ones(2)),
            TypeError,
            "fold_in: data must be of int.* float64",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call(key(0, "numpy"))
    assert isinstance(caught.value, errors.GpubpError)
