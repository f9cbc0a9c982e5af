"""Convolution and its transpose: shapes, errors, and that one is the transpose of the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import gpubp
from gpubp import errors, nn, random
from gpubp.nn.windows import Padding, PerAxis

RNG = np.random.default_rng(0)
KEY = random.key(0, backend="numpy")
X = np.zeros((2, 4, 9, 8), dtype=np.float32)


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_same_padding_gives_the_size_over_the_stride(kernel: int, stride: int, size: int) -> None:
    layer = nn.Conv2d(1, 1, kernel, stride=stride, padding="same", key=KEY)
    length = math.ceil(size / stride)
    assert layer(np.zeros((1, size, size), dtype=np.float32)).shape == (1, length, length)


@pytest.mark.parametrize(
    ("padding", "extra"), [(0, 0), (0, 1), (((1, 0), (0, 2)), 0), (1, (0, 2)), ("same", 0)]
)
def test_transposed_convolution_is_the_transpose(padding: Padding, extra: PerAxis) -> None:
    options: dict[str, Any] = {"stride": (2, 3), "dilation": (1, 2), "padding": padding}
    y, weight = RNG.normal(size=(2, 4, 3, 2)), RNG.normal(size=(4, 1, 3, 2))
    x = nn.convolution_transpose(y, weight, groups=2, extra=extra, **options)
    image = RNG.normal(size=x.shape)
    forward = nn.convolution(image, weight, groups=2, **options)
    assert forward.shape == y.shape
    np.testing.assert_allclose((image * x).sum(), (forward * y).sum(), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 3, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_multiplies_the_size_by_the_stride(stride: int, size: int) -> None:
    layer = nn.ConvTranspose1d(2, 3, 2, stride=stride, padding="same", key=KEY)
    assert layer(np.zeros((2, size), dtype=np.float32)).shape == (3, size * stride)


def test_large_images_are_done_in_pieces() -> None:
    """More windows than one piece holds, channels first and last."""
    for channels in (3, 8):
        x, weight = RNG.normal(size=(40, channels, 20, 21)), RNG.normal(size=(2, channels, 3, 3))
        y, pullback = gpubp.vjp(nn.convolution, x, weight)
        ct = RNG.normal(size=y.shape)
        expected = torch.nn.functional.conv2d(
            *(tensors := [torch.tensor(a, requires_grad=True) for a in (x, weight)])
        )
        expected.backward(torch.tensor(ct))
        np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
        for found, tensor in zip(pullback(ct), tensors, strict=True):
            np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=1e-10, atol=1e-10)


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
        ({"kernel": (1, 2, 3)}, r"kernel is \(1, 2, 3\); .* a tuple of 2"),
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


def test_what_a_transposed_convolution_refuses() -> None:
    def message(match: str, **options: Any) -> None:
        with pytest.raises(errors.ArgumentError, match=match):
            nn.ConvTranspose2d(4, 6, 3, key=KEY, **options)(X)

    message(r"ConvTranspose2d: extra is \(1, 1\); more than stride - 1", extra=1)
    message(r"extra is \(0, 1\) beside padding 'same'", stride=2, extra=(0, 1), padding="same")
    message(r"groups is 5; it must divide in_channels \(4\)", groups=5)
    message(r"of 9 x 8 windows, less the padding .*, no image is left", padding=9)


def test_groups_that_do_not_divide_the_weights() -> None:
    with pytest.raises(errors.ArgumentError, match=r"groups is 2; it must divide the first axis"):
        nn.convolution(np.zeros((4, 5)), np.zeros((3, 2, 1)), groups=2)


def test_ranks() -> None:
    for rank in (-1, 0, 4):
        with pytest.raises(errors.ShapeError, match=r"weight has shape .*; one to three axes"):
            nn.convolution(np.zeros((1,) * 6), np.zeros((1, 1) + (1,) * rank))
