"""A data set checks its arrays when it is made."""

import re

import numpy as np
import pytest

from gpubp.data import Dataset
from gpubp.errors import DataError

X = np.arange(6.0).reshape(3, 2)


def test_what_it_tells():
    points = Dataset(X, [2, 0, 2], source="points")
    assert (len(points), points.shape) == (3, (2,))
    np.testing.assert_array_equal(points.classes, [0, 2])
    assert points.labels.dtype == np.int64


@pytest.mark.parametrize(
    "index", [slice(1, None), np.asarray([1, 2]), np.asarray([False, True, True])]
)
def test_a_part_keeps_labels_and_names(index):
    part = Dataset(X, [2, 0, 1], "points.npz", "pixels", "digits")[index]
    np.testing.assert_array_equal(part.x, X[1:])
    np.testing.assert_array_equal(part.labels, [0, 1])
    assert (part.source, part.x_name, part.y_name) == ("points.npz", "pixels", "digits")


def test_labels_that_are_not_there():
    with pytest.raises(
        DataError, match="points: no labels for x; each example needs a whole number"
    ):
        _ = Dataset(X, source="points").labels


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (X.astype(complex), None, "d: x has dtype complex128; examples must be real numbers"),
        (X[0], None, "d: x has shape (2,); examples must have shape"),
        (np.zeros((1,) * 5), None, "d: x has shape (1, 1, 1, 1, 1); examples must have shape"),
        (np.zeros((0, 2)), None, "d: x is empty: its shape is (0, 2)"),
        (np.where(X == 3, np.nan, X), None, "d: x[1, 1] is nan: 1 of 6 values are not finite"),
        (np.where(X > 3, np.inf, X), None, "d: x[2, 0] is inf: 2 of 6 values are not finite"),
        (X, [0, 1], "d: y has 2 labels for the 3 examples of x"),
        (X, [], "d: y is empty: its shape is (0,)"),
        (X, [0.0, 1.0, 2.0], "d: y has dtype float64; labels must be integers, one per class"),
        (
            X,
            np.eye(3),
            "d: y has shape (3, 3); labels must have shape (examples,); take the argmax",
        ),
        (X, np.asarray([0, 1, 2**63], np.uint64), "labels must fit in 64 bits with a sign"),
    ],
)
def test_what_does_not_fit(x, y, text):
    with pytest.raises(DataError, match=re.escape(text)):
        Dataset(x, y, source="d")
