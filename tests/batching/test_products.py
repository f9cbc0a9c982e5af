"""Products of stacks by every route: the numbers of NumPy's matmul, by the route meant."""

from __future__ import annotations

import numpy as np
import pytest

from gpubp.batching import product_route
from gpubp_numpy.kernels.products import ROUTES, choose, matmul


def draw(*shape: int, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(list(shape)).normal(size=shape).astype(dtype)


PAIRS = {
    "matmul": lambda d: (draw(300, 5, 6, dtype=d), draw(300, 6, 7, dtype=d)),
    "outer": lambda d: (draw(4, 3, 5, 1, dtype=d), draw(3, 1, 6, dtype=d)),
    "fold": lambda d: (
        draw(4, 300, 5, 6, dtype=d),
        np.broadcast_to(draw(6, 7, dtype=d), (4, 300, 6, 7)),
    ),
    "batch last": lambda d: (draw(2, 150, 3, 2, dtype=d), draw(2, 150, 2, 3, dtype=d)),
    "copy": lambda d: (draw(300, 5, 6, dtype=d), draw(300, 7, 6, dtype=d).mT),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_routes_give_the_product(name, dtype):
    a, b = PAIRS[name](dtype)
    assert choose(a, b)[0] == name
    found = matmul(a, b)
    wanted = np.matmul(a, b)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_every_route_has_a_pair():
    assert set(PAIRS) == set(ROUTES)


@pytest.mark.parametrize("shape", [(0, 2, 2), (300, 0, 2), (300, 2, 0)])
def test_empty_stacks(shape):
    a = np.ones(shape)
    b = np.ones((shape[0], shape[2], 3))
    np.testing.assert_array_equal(matmul(a, b), np.matmul(a, b))


def test_integers_and_mixed_dtypes_are_left_to_numpy():
    a, b = np.ones((300, 2, 2), np.int64), np.ones((300, 2, 2))
    for pair in ((a, a), (a, b)):
        assert choose(*pair)[0] == "matmul"
        assert matmul(*pair).dtype == np.matmul(*pair).dtype


def test_the_route_is_told_on_every_library(library):
    x = library.asarray(np.ones((3, 2, 2)))
    route, colon, reason = product_route(x, x).partition(": ")
    assert route
    assert colon
    assert reason
