"""The same split for the same seed, every class in it, and nothing unseen in the test part."""

import re

import numpy as np
import pytest

from gpubp import data
from gpubp.errors import DataError


def dataset(labels, source="file"):
    return data.Dataset(np.arange(len(labels))[:, None], np.array(labels), source)


def test_split_is_reproducible_and_a_partition():
    labels = np.repeat([0, 1, 2], [10, 20, 5])
    train, test = data.split(dataset(labels), 0.2, seed=3)
    again, _ = data.split(dataset(labels), 0.2, seed=3)
    other, _ = data.split(dataset(labels), 0.2, seed=4)
    np.testing.assert_array_equal(train.x, again.x)
    assert not np.array_equal(train.x, other.x)
    np.testing.assert_array_equal(np.sort(np.concatenate([train.x, test.x]).ravel()), range(35))
    assert np.bincount(test.y).tolist() == [2, 4, 1]
    np.testing.assert_array_equal(labels[train.x.ravel()], train.y)


def test_split_keeps_a_single_example_in_training():
    train, test = data.split(dataset([0] * 9 + [1]), 0.9)
    assert (train.classes.tolist(), test.classes.tolist()) == ([0, 1], [0])


def test_split_of_too_few_examples():
    message = "file: 3 examples of 3 classes are too few to keep 0.2 of each class for testing"
    with pytest.raises(DataError, match=re.escape(message)):
        data.split(dataset([0, 1, 2]), 0.2)


def test_pair_faults():
    for train, test, message in [
        (dataset([1, 1]), dataset([1]), "file: y holds the single class 1; a classifier needs two"),
        (dataset([1, 2]), dataset([1, 3, 4]), "file: y has classes 3, 4, which y lacks"),
        (
            dataset([1, 2]),
            data.Dataset(np.zeros((1, 2)), np.array([1]), "file"),
            "file: x has examples of shape (2,), but x of shape (1,)",
        ),
    ]:
        with pytest.raises(DataError, match=re.escape(message)):
            data.check_pair(train, test)
    data.check_pair(dataset([1, 2, 3]), dataset([1, 2]))


def test_encode():
    classes = np.array([3, 5, 9])
    assert data.encode(dataset([9, 3, 5]), classes).tolist() == [2, 0, 1]
    with pytest.raises(DataError, match="file: y has class 4, which the model lacks"):
        data.encode(dataset([9, 4]), classes)
