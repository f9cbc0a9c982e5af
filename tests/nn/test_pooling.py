"""Pooling: ties, padding and errors."""

from __future__ import annotations

import numpy as np
import pytest

import gpubp
from gpubp import errors, nn


def test_ties_share_the_derivative_equally() -> None:
    x = np.asarray([[[1.0, 3.0], [3.0, 3.0]]])
    gradient = gpubp.grad(lambda x: nn.MaxPool2d(2)(x).sum())(x)
    np.testing.assert_allclose(gradient, np.asarray([[[0.0, 1.0], [1.0, 1.0]]]) / 3, rtol=1e-15)


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


def test_a_window_without_a_number_shares_with_all() -> None:
    x = np.asarray([[[1.0, np.nan], [3.0, 3.0]]])
    y, pullback = gpubp.vjp(nn.MaxPool2d(2), x)
    assert np.isnan(y).all()
    np.testing.assert_array_equal(pullback(np.ones((1, 1, 1)))[0], np.full_like(x, 0.25))


def test_infinite_cotangents_stay_where_they_belong() -> None:
    x = np.asarray([[[1.0, 2.0], [3.0, 0.0]]])
    gradient = gpubp.vjp(nn.MaxPool2d(2), x)[1](np.full((1, 1, 1), np.inf))[0]
    np.testing.assert_array_equal(gradient, [[[0.0, 0.0], [np.inf, 0.0]]])


def test_what_adaptive_pooling_refuses() -> None:
    with pytest.raises(errors.ArgumentError, match="AdaptiveAvgPool2d: size is 0"):
        nn.AdaptiveAvgPool2d(0)
    for shape in ((4, 4), (1, 0, 4)):
        with pytest.raises(errors.ShapeError, match=r"AdaptiveMaxPool2d: .* in the image"):
            nn.AdaptiveMaxPool2d(1)(np.zeros(shape))
