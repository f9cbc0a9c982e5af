"""The logistic function and its relatives, softmax among them."""

from __future__ import annotations

from typing import Any

from gpubp.core.primitive import PRIMITIVES
from gpubp.core.registry import FUNCTIONS
from gpubp.core.shapes import normalize_axes
from gpubp.rules.elementwise import divide_no_nan, exp, log
from gpubp.rules.fused import softmax as fused
from gpubp.rules.fused.softmax import largest_finite
from gpubp.special.row import ComplexToo, Special, composite


def _expit(xp: Any, x: Any) -> Any:
    right = x >= 0
    decay = xp.exp(xp.where(right, -x, x))  # at most 1
    return xp.where(right, 1.0, decay) / (1.0 + decay)


def _log_expit(xp: Any, x: Any) -> Any:
    left = x < 0
    return xp.where(left, x, 0.0) - xp.log1p(xp.exp(xp.where(left, x, -x)))


# fmt: off
expit = ComplexToo(
    "expit", lambda t, x, y: t * y * expit(-x), reference=_expit,
    of_complex=lambda x: 1 / (1 + exp(-x)))
log_expit = Special("log_expit", lambda t, x: t * expit(-x), reference=_log_expit)
logit = Special(
    "logit", lambda t, x: divide_no_nan(t, x * (1 - x)),
    reference=lambda xp, x: xp.log(x) - xp.log1p(-x))
# fmt: on


def log1pexp(x: Any) -> Any:
    """log(1 + exp(x)), never overflowing and exact in the left tail.

    >>> import numpy as np
    >>> log1pexp(np.asarray([-800.0, 0.0, 800.0])).round(4)
    array([0.000e+00, 6.931e-01, 8.000e+02])
    """
    return -log_expit(-x)


@composite
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """log(sum(b * exp(a))) along ``axis``; a slice of minus infinities gives minus infinity.

    ``axis`` is a number, several, or ``None`` for all; the weights ``b`` (1 if not given) broadcast
    with ``a``.

    >>> import numpy as np
    >>> float(logsumexp(np.asarray([1000.0, 1000.0])))
    1000.6931471805599
    """
    axes = normalize_axes(axis, len(a.shape), "special.logsumexp")
    top = largest_finite(a, axes)
    powers = exp(a - top) if b is None else PRIMITIVES["multiply_no_nan"](b, exp(a - top))
    total = log(FUNCTIONS["sum"](powers, axis=axes, keepdims=True)) + top
    return total if keepdims or not axes else FUNCTIONS["squeeze"](total, axis=axes)


@composite
def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along ``axis``, a number, several, or ``None`` for all.

    >>> import numpy as np
    >>> softmax(np.asarray([0.0, 1000.0]))
    array([0., 1.])
    """
    return fused.softmax(x, axis)


@composite
def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of :func:`softmax`, exact where that underflows.

    >>> import numpy as np
    >>> log_softmax(np.asarray([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    return fused.log_softmax(x, axis)
