"""Arrays for the rows on NumPy's protocols, and how a row is run."""

import numpy as np

import gpubp

rng = np.random.default_rng(0)
V = rng.uniform(0.2, 0.9, 4)
W = rng.uniform(0.2, 0.9, 4)
M = rng.uniform(0.2, 0.9, (3, 4))
N = rng.uniform(0.2, 0.9, (4, 3))
S = rng.uniform(0.2, 0.9, (3, 3)) + 3 * np.eye(3)
T = rng.uniform(0.2, 0.9, (2, 3, 4))
C = M + 1j * rng.uniform(0.2, 0.9, (3, 4))
I = np.array([3, 5, 6])  # noqa: E741 - integers, beside B for booleans
B = np.array([True, False, True])
Y = np.where(M > 0.7, np.nan, M)
X = np.array([np.nan, 1.0, -2.0, np.inf])


def traced(f, *args):
    """``f(*args)`` inside a transformation, and the native result."""
    arrays = tuple(a for a in args if isinstance(a, np.ndarray))

    def whole(*given):
        given = iter(given)
        return f(*(next(given) if isinstance(a, np.ndarray) else a for a in args))

    out, _ = gpubp.jvp(
        whole, arrays, tuple(np.ones_like(a) if a.dtype.kind in "fc" else None for a in arrays)
    )
    return out


def same(found, expected):
    if isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        found, expected = np.asarray(found), np.asarray(expected)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
