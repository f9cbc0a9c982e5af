"""Activations of a sum with a bias, in the sum's own memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _sum(x: Any, bias: Any) -> Any:
    return np.asarray(np.add(x, bias))


def bias_relu(x: Any, bias: Any) -> Any:
    y = _sum(x, bias)
    return np.maximum(y, 0, out=y)


def bias_tanh(x: Any, bias: Any) -> Any:
    y = _sum(x, bias)
    return np.tanh(y, out=y)


def bias_tanh_slope(t: Any, y: Any) -> Any:
    slope = np.asarray(np.multiply(y, y))
    np.subtract(1, slope, out=slope)
    return np.multiply(t, slope)


def bias_gelu_slope(t: Any, y: Any, x: Any, bias: Any) -> Any:
    """The distribution function is ``y / z``: a third of what it takes to compute it again."""
    z = _sum(x, bias)
    slope = np.asarray(np.multiply(z, z))
    slope *= -0.5
    np.exp(slope, out=slope)
    slope *= z
    slope *= 1 / math.sqrt(2 * math.pi)
    zero = z == 0
    np.copyto(z, 1, where=zero)
    distribution = np.divide(y, z, out=z)
    np.copyto(distribution, 0.5, where=zero)
    slope += distribution
    return np.multiply(t, slope)


KERNELS: dict[str, Callable[..., Any]] = {
    "bias_gelu_slope": bias_gelu_slope,
    "bias_relu": bias_relu,
    "bias_tanh": bias_tanh,
    "bias_tanh_slope": bias_tanh_slope,
}
