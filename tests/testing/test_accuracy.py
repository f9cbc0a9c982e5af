"""The measure of accuracy, on errors that are known."""

import numpy as np
import pytest

from gpubp.core.backend import get_backend
from gpubp.testing.accuracy import _ulps, accuracies, names
from gpubp.testing.cases import ROWS

EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize(
    ("found", "expected", "scale", "ulps"),
    [
        ([1.0, 2.0], [1.0, 2.0], 2.0, 0.0),
        ([1.0 + EPS], [1.0], 1.0, 1.0),
        ([1.0 + 3 * EPS], [1.0], 1.9, 3.0),
        ([4.0 + 8 * EPS], [4.0], 4.0, 2.0),
        ([np.inf, np.nan, -0.0], [np.inf, np.nan, 0.0], 1.0, 0.0),
        ([np.inf], [-np.inf], 1.0, np.inf),
        ([np.nan], [1.0], 1.0, np.inf),
        ([1.0], [np.nan], 1.0, np.inf),
        ([1.0], [1.0, 1.0], 1.0, np.inf),
        ([1], [1], 1.0, 0.0),
        ([1], [2], 1.0, np.inf),
        ([1], [1.0], 1.0, np.inf),
        ([], [], 1.0, 0.0),
    ],
)
def test_ulps(found, expected, scale, ulps):
    assert _ulps(np.asarray(found), np.asarray(expected), scale, "float64") == ulps


def test_every_row_is_tried():
    assert names() == [row.name for row in ROWS]
    some = names()[::40]
    found = list(accuracies(get_backend("numpy"), "float32", some))
    assert [f.function for f in found] == some
    assert all(f.tried and f.passed for f in found)
