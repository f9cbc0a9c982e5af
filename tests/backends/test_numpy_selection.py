"""NumPy's ``where`` by bits, against NumPy's own."""

from __future__ import annotations

import numpy as np
import pytest

from gpubp_numpy.kernels.selection import SMALL, where

SHAPE = (SMALL // 8, 16)
generator = np.random.default_rng(0)


def numbers(dtype) -> np.ndarray:
    x = generator.normal(size=SHAPE).astype(dtype)
    if dtype is not np.int32:
        x.flat[:6] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40]
    generator.shuffle(x.reshape(-1))
    return x


CONDITION = generator.random(size=SHAPE) < 0.5
ROW = generator.normal(size=16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.complex64])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("x", 0.0),
        ("x", 0),
        (0, "x"),
        ("x", -0.0),
        (-0.0, "x"),
        ("x", 1.0),
        ("x", "y"),
        ("one", 0.0),
        ("one", -0.5),
        (0.0, "one"),
        ("zero", "one"),
        (np.nan, "x"),
        ("x", -np.inf),
        ("x", "row"),
        ("transposed", "y"),
        ("x", "other dtype"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_bit_for_bit(a, b, dtype) -> None:
    arrays = {
        "x": numbers(dtype),
        "y": numbers(dtype),
        "one": np.ones((), dtype),
        "zero": dtype(0),
        "row": ROW.astype(dtype),
        "transposed": np.asarray(numbers(dtype), order="F"),
        "other dtype": numbers(np.float64),
    }
    given = [arrays[v] if isinstance(v, str) else v for v in (a, b)]
    before = [np.copy(v) for v in given]
    found, expected = where(CONDITION, *given), np.where(CONDITION, *given)
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()
    for one, other in zip(given, before, strict=True):
        np.testing.assert_array_equal(one, other)
