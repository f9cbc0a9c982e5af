"""The windows under convolution and pooling: what is where, and that folding is the transpose."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import gpubp
from gpubp.nn.windows import Windows, fold_p, unfold_p
from libraries import Library

CASES = {
    "plain": Windows((2, 3), (1, 1), (1, 1)),
    "stride": Windows((2, 2), (2, 3), (1, 1)),
    "dilation": Windows((3, 2), (1, 1), (2, 3)),
    "gaps": Windows((1, 2), (3, 2), (1, 1)),
    "everything": Windows((2, 3), (2, 1), (3, 2)),
    "one": Windows((6, 7), (1, 1), (1, 1)),
}
X = np.random.default_rng(0).normal(size=(2, 3, 6, 7))

pytestmark = pytest.mark.parametrize("windows", CASES.values(), ids=CASES)


def unfolded(x: np.ndarray, windows: Windows) -> np.ndarray:
    """Window by window and element by element."""
    (kh, kw), (sh, sw), (dh, dw) = windows
    rows, columns = windows.number(*x.shape[-2:])
    out = np.empty((*x.shape[:-2], kh * kw, rows, columns))
    for r, c, i, j in itertools.product(range(rows), range(columns), range(kh), range(kw)):
        out[..., i * kw + j, r, c] = x[..., r * sh + i * dh, c * sw + j * dw]
    return out


def test_number_is_all_that_fit(windows: Windows) -> None:
    (rh, rw), (sh, sw) = windows.reach, windows.stride
    rows, columns = windows.number(6, 7)
    assert (rows - 1) * sh + rh <= 6 < rows * sh + rh
    assert (columns - 1) * sw + rw <= 7 < columns * sw + rw


@pytest.mark.parametrize("order", ["C", "F"])
def test_unfold(windows: Windows, order: str, library: Library) -> None:
    x = library.asarray(np.asarray(X, order=order))
    found = library.to_numpy(unfold_p(x, windows=windows))
    np.testing.assert_array_equal(found, unfolded(X, windows))


def test_fold_is_the_transpose(windows: Windows, library: Library) -> None:
    expected = unfolded(X, windows)
    ct = np.random.default_rng(1).normal(size=expected.shape)
    found = library.to_numpy(fold_p(library.asarray(ct), windows=windows, size=(6, 7)))
    assert found.shape == X.shape
    np.testing.assert_allclose((found * X).sum(), (ct * expected).sum(), rtol=1e-12)
    np.testing.assert_array_equal(
        found == 0, fold_p(np.ones_like(ct), windows=windows, size=(6, 7)) == 0
    )


def test_derivatives_and_vmap(windows: Windows) -> None:
    ct = np.random.default_rng(1).normal(size=unfolded(X, windows).shape)
    folded = fold_p(ct, windows=windows, size=(6, 7))
    _, pullback = gpubp.vjp(lambda x: unfold_p(x, windows=windows), X)
    np.testing.assert_array_equal(pullback(ct)[0], folded)
    _, pullback = gpubp.vjp(lambda x: fold_p(x, windows=windows, size=(6, 7)), ct)
    np.testing.assert_array_equal(pullback(X)[0], unfolded(X, windows))
    mapped = gpubp.vmap(lambda x: unfold_p(x, windows=windows), in_axes=1, out_axes=1)(X)
    np.testing.assert_array_equal(mapped, unfolded(X, windows))
    mapped = gpubp.vmap(lambda x: fold_p(x, windows=windows, size=(6, 7)))(ct)
    np.testing.assert_array_equal(mapped, folded)
