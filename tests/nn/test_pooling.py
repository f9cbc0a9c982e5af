"""Pooling: ties, padding and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gpubp
from gpubp import errors, nn
from libraries import Library


def derivative(library: Library, layer: nn.Module, x: Any, ct: Any) -> np.ndarray:
    found = gpubp.vjp(layer, library.asarray(np.asarray(x)))[1](library.asarray(np.asarray(ct)))
    return library.to_numpy(found[0])


def test_ties_share_the_derivative_equally(library: Library) -> None:
    x = [[[1.0, 3.0, 0.0], [3.0, 3.0, 0.0]]]
    found = derivative(library, nn.MaxPool2d(2), x, [[[6.0]]])
    np.testing.assert_array_equal(found, [[[0.0, 2.0, 0.0], [2.0, 2.0, 0.0]]])
    found = derivative(library, nn.MaxPool2d(2, stride=1), x, [[[6.0, 6.0]]])
    np.testing.assert_array_equal(found, [[[0.0, 5.0, 0.0], [2.0, 5.0, 0.0]]])


def test_a_tangent_is_averaged_over_ties(library: Library) -> None:
    x, t = ([[[1.0, 3.0], [3.0, 3.0]]], [[[9.0, 1.0], [2.0, 3.0]]])
    both = (library.asarray(np.asarray(a)) for a in (x, t))
    _, found = gpubp.jvp(nn.MaxPool2d(2), *((a,) for a in both))
    np.testing.assert_array_equal(library.to_numpy(found), [[[2.0]]])


def test_padding_never_wins_a_maximum() -> None:
    x = np.full((1, 3, 3), -5.0)
    np.testing.assert_array_equal(nn.MaxPool2d(3, stride=1, padding="same")(x), x)


def test_padding_counts_in_a_mean() -> None:
    y = nn.AvgPool2d(2, padding=1)(np.ones((1, 2, 2)))
    np.testing.assert_array_equal(y, np.full((1, 2, 2), 0.25))


def test_no_arrays_in_the_tree() -> None:
    assert nn.count_parameters(nn.MaxPool2d(2)) == 0


def test_errors_name_the_layer() -> None:
    with pytest.raises(errors.ArgumentError, match="MaxPool2d: stride is 0"):
        nn.MaxPool2d(2, stride=0)
    with pytest.raises(errors.ShapeError, match=r"AvgPool2d: .* does not fit"):
        nn.AvgPool2d(3)(np.zeros((1, 2, 2)))
    with pytest.raises(errors.ShapeError, match=r"MaxPool2d: x has shape \(4, 4\); \(..., C, H, W"):
        nn.MaxPool2d(2)(np.zeros((4, 4)))


def test_a_window_without_a_number_shares_with_all(library: Library) -> None:
    x = np.asarray([[[1.0, np.nan], [3.0, 3.0]]])
    assert np.isnan(library.to_numpy(nn.MaxPool2d(2)(library.asarray(x)))).all()
    found = derivative(library, nn.MaxPool2d(2), x, [[[1.0]]])
    np.testing.assert_array_equal(found, np.full_like(x, 0.25))


def test_infinite_cotangents_stay_where_they_belong(library: Library) -> None:
    found = derivative(library, nn.MaxPool2d(2), [[[1.0, 2.0], [3.0, 0.0]]], [[[np.inf]]])
    np.testing.assert_array_equal(found, [[[0.0, 0.0], [np.inf, 0.0]]])


def test_what_adaptive_pooling_refuses() -> None:
    with pytest.raises(errors.ArgumentError, match="AdaptiveAvgPool2d: size is 0"):
        nn.AdaptiveAvgPool2d(0)
    for shape in ((4, 4), (1, 0, 4)):
        with pytest.raises(errors.ShapeError, match=r"AdaptiveMaxPool2d: .* in the image"):
            nn.AdaptiveMaxPool2d(1)(np.zeros(shape))
