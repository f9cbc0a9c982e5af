"""Conv2d and the windows under it: shapes and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gpubp import errors, nn, random

KEY = random.key(0, backend="numpy")
X = np.zeros((2, 4, 9, 8), dtype=np.float32)


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_same_padding_gives_the_size_over_the_stride(kernel: int, stride: int, size: int) -> None:
    layer = nn.Conv2d(1, 1, kernel, stride=stride, padding="same", key=KEY)
    length = math.ceil(size / stride)
    assert layer(np.zeros((1, size, size), dtype=np.float32)).shape == (1, length, length)


def test_leading_axes_are_free() -> None:
    layer = nn.Conv2d(4, 5, 3, key=KEY)
    assert layer(X[0]).shape == (5, 7, 6)
    assert layer(X[None]).shape == (1, 2, 5, 7, 6)


def test_representation() -> None:
    assert repr(nn.Conv2d(4, 6, 3, groups=2, bias=False, padding="same", key=KEY)) == (
        "Conv2d(weight=float32[6,2,3,3], bias=None, stride=(1, 1), padding='same', "
        "dilation=(1, 1), groups=2)"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": 0}, "Conv2d: kernel is 0; an integer of at least 1 is needed"),
        ({"kernel": (1, 2, 3)}, r"kernel is \(1, 2, 3\); .* a pair"),
        ({"stride": 0}, "stride is 0; an integer of at least 1"),
        ({"dilation": -1}, "dilation is -1"),
        ({"padding": -1}, "padding is -1; an integer of at least 0"),
        ({"padding": "full"}, "padding is 'full'; 'same', 'valid', an integer"),
        ({"padding": (1, 2, 3)}, r"padding is \(1, 2, 3\); 'same'"),
        ({"padding": (1, (2, -3))}, r"padding is \(2, -3\); an integer of at least 0"),
        ({"kernel": 2.5}, "kernel is 2.5; an integer"),
        ({"groups": 3}, r"groups is 3; it must divide in_channels \(4\) and out_channels \(6\)"),
    ],
)
def test_arguments_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(errors.ArgumentError, match=message):
        nn.Conv2d(**{"in_channels": 4, "out_channels": 6, "kernel": 3, "key": KEY} | options)


def test_wrong_images() -> None:
    layer = nn.Conv2d(4, 6, (3, 5), dilation=(1, 3), key=KEY)
    with pytest.raises(errors.ShapeError, match=r"x has shape \(9, 8\); .* C = 4 is needed"):
        layer(X[0, 0])
    with pytest.raises(errors.ShapeError, match=r"C = 4 is needed"):
        layer(X[:, :3])
    with pytest.raises(errors.ShapeError, match=r"9 x 8 with its padding; .* 3 x 13 and does not"):
        layer(X)
