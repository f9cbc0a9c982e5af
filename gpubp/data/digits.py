"""The handwritten digits that scikit-learn ships: a real data set without a download."""

from __future__ import annotations

from gpubp.data.dataset import Dataset
from gpubp.errors import MissingPackageError


def load_digits() -> Dataset:
    """1,797 images of handwritten digits, ``x`` of shape (1797, 8, 8), from 0 to 16.

    Raises MissingPackageError without scikit-learn. Source: E. Alpaydin, C. Kaynak,
    "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998 (its test
    part).

    >>> digits = load_digits()
    >>> digits.x.shape, digits.classes
    ((1797, 8, 8), array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise MissingPackageError(
            "digits: the data set comes with scikit-learn, which is not installed: "
            "pip install scikit-learn, or give your own file with --data"
        ) from error
    bunch = datasets.load_digits()
    return Dataset(bunch.images, bunch.target, source="digits")
