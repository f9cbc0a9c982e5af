"""Cross-entropies, from logits: the logarithm is taken where nothing is lost."""

from __future__ import annotations

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError, ShapeError
from gpubp.losses.reduction import (
    Reduction,
    check_floating,
    check_same_shape,
    normalise_axis,
    reduce,
)
from gpubp.rules.fused.softmax import cross_entropy_p, log_softmax
from gpubp.typing import Array


def cross_entropy(
    logits: Array,
    target: Array,
    *,
    axis: int = -1,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Array:
    """-sum(target * log_softmax(logits)) along ``axis``, by log-sum-exp.

    ``target`` holds class indices (integers, the shape of ``logits`` without ``axis``) or
    probabilities (floating, the shape of ``logits``). ``label_smoothing`` mixes that much of the
    uniform distribution into them (Szegedy et al., arXiv:1512.00567). One value per example,
    averaged (the default), summed, or left as they are (None): weight them yourself there.
    Indices out of range are the array library's business, as in ``Embedding``.

    Raises :class:`~gpubp.errors.ShapeError` for shapes that don't fit and
    :class:`~gpubp.errors.ArgumentError` for a smoothing outside [0, 1].

    >>> import numpy as np
    >>> logits = np.asarray([[2.0, 0.0], [0.0, 0.0]])
    >>> float(cross_entropy(logits, np.asarray([0, 1]), reduction="sum").round(4))
    0.8201
    """
    check_floating("cross_entropy", logits=logits)
    axis = normalise_axis("cross_entropy", axis, logits)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(
            f"cross_entropy: label_smoothing is {label_smoothing}; it must be between 0 and 1."
        )
    xp = array_namespace(logits, target)
    if xp.isdtype(target.dtype, "integral"):
        shape = (*logits.shape[:axis], *logits.shape[axis + 1 :])
        if tuple(target.shape) != shape:
            raise ShapeError(
                f"cross_entropy: target has shape {tuple(target.shape)}; class indices for logits "
                f"of shape {tuple(logits.shape)} with classes along axis {axis} have shape {shape}."
            )
        values = cross_entropy_p(
            logits, target, axis=axis - logits.ndim, smoothing=float(label_smoothing)
        )
    else:
        check_floating("cross_entropy", target=target)
        if target.ndim == logits.ndim - 1:
            raise ShapeError(
                f"cross_entropy: logits has shape {tuple(logits.shape)} and target has "
                f"{tuple(target.shape)} and dtype {target.dtype}; class indices are integers, and "
                "probabilities have the shape of logits. Remedy: xp.astype(target, xp.int64)."
            )
        check_same_shape("cross_entropy", logits=logits, target=target)
        if label_smoothing:
            target = (1 - label_smoothing) * target + label_smoothing / logits.shape[axis]
        values = -xp.sum(xp.multiply(target, log_softmax(logits, axis)), axis=axis)
    return reduce("cross_entropy", values, reduction)


def binary_cross_entropy(logits: Array, target: Array, *, reduction: Reduction = "mean") -> Array:
    """-target log(p) - (1 - target) log(1 - p) with p = sigmoid(logits), element by element.

    Both of one shape; ``target`` holds probabilities, or 0 and 1 of any dtype. Exact in both
    tails. ``reduction="sum"`` sums, ``None`` keeps the shape.
    Raises :class:`~gpubp.errors.ShapeError` for different shapes.

    >>> import numpy as np
    >>> logits = np.asarray([0.0, 800.0, 800.0])
    >>> binary_cross_entropy(logits, np.asarray([1, 1, 0]), reduction=None).round(4)
    array([6.931e-01, 0.000e+00, 8.000e+02])
    """
    check_floating("binary_cross_entropy", logits=logits)
    check_same_shape("binary_cross_entropy", logits=logits, target=target)
    xp = array_namespace(logits, target)
    target = xp.astype(target, logits.dtype, copy=False)
    # For positive logits the same loss with both classes exchanged: the exponential is at most 1,
    # and both forms agree at 0 with all their derivatives.
    right = logits > 0
    wrong = xp.where(right, 1.0 - target, -target)
    tail = xp.log1p(xp.exp(xp.where(right, -logits, logits)))
    return reduce("binary_cross_entropy", xp.multiply(logits, wrong) + tail, reduction)
