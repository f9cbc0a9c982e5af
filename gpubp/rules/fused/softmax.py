"""Softmax, its logarithm, and the cross-entropy of class indices with it."""

from __future__ import annotations

from typing import Any

from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import PRIMITIVES
from gpubp.core.shapes import Shape, normalize_axes
from gpubp.rules.data_types import astype
from gpubp.rules.elementwise import equal, exp, isfinite, log, multiply_no_nan, real, where
from gpubp.rules.fused.composite import Composite
from gpubp.rules.manipulation import expand_dims, squeeze
from gpubp.rules.statistical import largest, sum


def from_the_end(axis: Any, ndim: int, name: str) -> Shape:
    """Axes as composites take them."""
    return tuple(a - ndim for a in normalize_axes(axis, ndim, name))


def largest_finite(x: Any, axis: Any) -> Any:
    """The largest real part along ``axis``, kept as a length-1 axis; 0 where it is infinite.

    A constant to every derivative: the shift that it is used for cancels. Of nothing it is 0 too.

    >>> import numpy as np
    >>> largest_finite(np.asarray([[1.0, 3.0], [-np.inf, -np.inf]]), -1)
    array([[3.],
           [0.]])
    """
    axes = normalize_axes(axis, len(x.shape), "max")
    top = largest(real(PRIMITIVES["stop_gradient"](x)), axes, True)
    return where(isfinite(top), top, 0.0)


def _sum(x: Any, axis: Any) -> Any:
    return sum(x, axis=axis, keepdims=True)


def _softmax(x: Any, *, axis: Shape) -> Any:
    powers = exp(x - largest_finite(x, axis))
    return powers / _sum(powers, axis)


def _log_softmax(x: Any, *, axis: Shape) -> Any:
    shifted = x - largest_finite(x, axis)
    return shifted - log(_sum(exp(shifted), axis))


# The Jacobians diag(p) - p p^T and 1 - 1 p^T: the first is its own transpose. A zero of ct stays
# zero beside what is NaN, as everywhere in the rules.
softmax_slope = Composite(
    "softmax_slope",
    lambda t, y, *, axis: multiply_no_nan(y, t - _sum(multiply_no_nan(t, y), axis)),
)
log_softmax_slope = Composite(
    "log_softmax_slope",
    lambda ct, y, *, axis: ct - multiply_no_nan(_sum(ct, axis), exp(y)),
)
softmax_p = Composite(
    "softmax",
    _softmax,
    forward=lambda t, y, x, *, axis: softmax_slope(t, y, axis=axis),
    transpose=lambda ct, y, x, *, axis: softmax_slope(ct, y, axis=axis),
    keeps=("y",),
)
log_softmax_p = Composite(
    "log_softmax",
    _log_softmax,
    forward=lambda t, y, x, *, axis: t - _sum(multiply_no_nan(t, exp(y)), axis),
    transpose=lambda ct, y, x, *, axis: log_softmax_slope(ct, y, axis=axis),
    keeps=("y",),
)


def softmax(x: Any, axis: Any = -1) -> Any:
    """exp(x) / sum(exp(x)) along ``axis``: a number, several, or ``None`` for all."""
    return softmax_p(x, axis=from_the_end(axis, len(x.shape), "softmax"))


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of :func:`softmax`, exact where that underflows."""
    return log_softmax_p(x, axis=from_the_end(axis, len(x.shape), "log_softmax"))


# Class indices stand in place of one-hot rows: with smoothing s and n classes, the target of class
# c is 1 - s + s/n at c, and s/n elsewhere. They are compared with the numbers of all classes and
# nothing is gathered, so that a compiler finds no more than one pass over a row.


def _is_class(x: Any, target: Any, axis: int) -> Any:
    """Of each logit, whether it is the right class's."""
    namespace = namespace_of(x)
    xp, n = namespace.backend.xp, x.shape[axis]
    classes = xp.arange(n, dtype=xp.int64, device=namespace.device)
    if axis != -1:
        classes = xp.reshape(classes, (n, *(1,) * (-axis - 1)))
    target = expand_dims(astype(target, xp.int64), axis=axis)
    return equal(classes, where(target < 0, target + n, target))


def _cross_entropy(x: Any, target: Any, *, axis: int, smoothing: float) -> Any:
    # From the shifted logits: where the right class has the largest, nothing cancels.
    shifted = x - largest_finite(x, axis)
    chosen = _sum(where(_is_class(x, target, axis), shifted, 0.0), axis)
    if smoothing:
        chosen = (1 - smoothing) * chosen + (smoothing / x.shape[axis]) * _sum(shifted, axis)
    return squeeze(log(_sum(exp(shifted), axis)) - chosen, axis=axis)


def _cross_entropy_slope(
    ct: Any, y: Any, x: Any, target: Any, *, axis: int, smoothing: float
) -> Any:
    # A kernel may get p from the loss y, as exp(x - x[target] - y); here all comes from x alone.
    p = _softmax(x, axis=(axis,))
    slope = where(_is_class(x, target, axis), p - (1 - smoothing), p)
    if smoothing:
        slope = slope - smoothing / x.shape[axis]
    return multiply_no_nan(expand_dims(ct, axis=axis), slope)


cross_entropy_slope = Composite("cross_entropy_slope", _cross_entropy_slope)
cross_entropy_p = Composite(
    "cross_entropy",
    _cross_entropy,
    transpose=lambda ct, y, x, target, **params: cross_entropy_slope(ct, y, x, target, **params),
)
