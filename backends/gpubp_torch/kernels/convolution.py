"""Convolution and pooling by ``torch.nn.functional``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn import grad

_CONVOLUTIONS: dict[int, Callable[..., Any]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_BY_INPUT = {1: grad.conv1d_input, 2: grad.conv2d_input, 3: grad.conv3d_input}
_BY_WEIGHT = {1: grad.conv1d_weight, 2: grad.conv2d_weight, 3: grad.conv3d_weight}
_MAXIMA: dict[int, Callable[..., Any]] = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def convolution(x: Any, w: Any, *, windows: Any) -> Any:
    x, w = _alike(x, w)
    run = _CONVOLUTIONS[len(windows.size)]
    y = run(_pad(_merged(x, 1), windows, 0.0), _merged(w, 0), **_options(x, windows))
    return y.unflatten(1, (w.shape[0], w.shape[1]))


def convolution_input(w: Any, y: Any, *, windows: Any) -> Any:
    w, y = _alike(w, y)
    if w.is_complex():
        return _by_parts(convolution_input, w, y, windows)
    run = _BY_INPUT[len(windows.size)]
    (n, g), c = y.shape[:2], w.shape[2]
    shape = (n, g * c, *windows.padded)
    x = run(shape, _merged(w, 0), _merged(y, 1), **_options(y, windows))
    return x.unflatten(1, (g, c))[(..., *windows.image)]


def convolution_weight(x: Any, y: Any, *, windows: Any) -> Any:
    x, y = _alike(x, y)
    if x.is_complex():
        return _by_parts(convolution_weight, x, y, windows)
    run = _BY_WEIGHT[len(windows.size)]
    (g, o), c = y.shape[1:3], x.shape[2]
    shape = (g * o, c, *windows.kernel)
    padded = _pad(_merged(x, 1), windows, 0.0)
    return run(padded, shape, _merged(y, 1), **_options(x, windows)).unflatten(0, (g, o))


def max_windows(x: Any, *, windows: Any) -> Any:
    rank = len(windows.size)
    lead = x.shape[: x.ndim - rank]
    images = _pad(x.reshape(math.prod(lead), 1, *windows.size), windows, -math.inf)
    y = _MAXIMA[rank](images, windows.kernel, windows.stride, 0, windows.dilation)
    return y.reshape(*lead, *windows.number)


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    dtype = torch.promote_types(a.dtype, b.dtype)
    return a.to(dtype), b.to(dtype)


def _by_parts(f: Callable[..., Any], a: Any, b: Any, windows: Any) -> Any:
    """PyTorch has its two derivatives of convolution for real numbers only."""

    def real(p: Any, q: Any) -> Any:
        return f(p, q, windows=windows)

    return torch.complex(
        real(a.real, b.real) - real(a.imag, b.imag), real(a.real, b.imag) + real(a.imag, b.real)
    )


def _merged(x: Any, axis: int) -> Any:
    """The groups and the channels after them as PyTorch has them, on one axis."""
    return x.flatten(axis, axis + 1)


def _pad(x: Any, windows: Any, fill: float) -> Any:
    """PyTorch's own padding is the same before and after."""
    amounts = [n for sides in reversed(windows.padding) for n in sides]
    return F.pad(x, amounts, value=fill) if any(amounts) else x


def _options(x: Any, windows: Any) -> dict[str, Any]:
    return {"stride": windows.stride, "dilation": windows.dilation, "groups": x.shape[1]}


KERNELS: dict[str, Any] = {
    "convolution": convolution,
    "convolution_input": convolution_input,
    "convolution_weight": convolution_weight,
    "max_windows": max_windows,
}
