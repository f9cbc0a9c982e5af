"""Every example once an epoch, in an order that seed and epoch decide."""

import re

import numpy as np
import pytest

from gpubp import data
from gpubp.errors import DataError

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10)


def labels(**options):
    return [y.tolist() for _, y in data.batches(X, Y, size=4, **options)]


def test_in_order_with_the_rest_at_the_end():
    assert labels() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_shuffled_by_seed_and_epoch():
    first = labels(seed=1, epoch=0)
    assert sorted(y for batch in first for y in batch) == list(range(10))
    assert first == labels(seed=1, epoch=0)
    assert first != labels(seed=1, epoch=1)
    assert first != labels(seed=2, epoch=0)


def test_examples_stay_with_their_labels():
    for x, y in data.batches(X, Y, size=3, seed=0):
        np.testing.assert_array_equal(x, X[y])


def test_start_goes_on_within_the_epoch():
    assert labels(seed=1, start=1) == labels(seed=1)[1:]
    assert labels(start=3) == []


def test_faults():
    with pytest.raises(DataError, match=re.escape("size must be at least 1, got 0")):
        data.batches(X, size=0)
    with pytest.raises(DataError, match=re.escape("different lengths, [10, 9]")):
        data.batches(X, Y[:9], size=2)
