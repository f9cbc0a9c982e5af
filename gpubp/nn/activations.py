"""Activation functions, element by element but for the softmax family.

At a kink the derivative is the one PyTorch takes: of ``relu``, ``leaky_relu`` and ``elu`` at 0 the
left one, of ``relu6`` and ``hard_tanh`` 0 at both edges. NaN goes through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType

from gpubp.core import array_namespace
from gpubp.rules.fused import softmax as fused
from gpubp.rules.fused.activation import WITH_BIAS
from gpubp.special.error import erfc
from gpubp.special.logistic import expit, log1pexp
from gpubp.typing import Array

__all__ = [
    "elu",
    "gelu",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]


def relu(x: Array) -> Array:
    """max(x, 0); its derivative at 0 is 0.

    >>> import numpy as np
    >>> relu(np.asarray([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    # Not maximum(x, 0): the library shares a maximum's ties, which would give 1/2 at 0.
    return array_namespace(x).where(x <= 0, 0, x)


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6); its derivative is 0 at both edges.

    >>> import numpy as np
    >>> relu6(np.asarray([-1.0, 2.0, 9.0]))
    array([0., 2., 6.])
    """
    return _clamp(x, 0, 6)


def hard_tanh(x: Array) -> Array:
    """x between -1 and 1, and the nearer of the two beyond; its derivative is 0 at both edges.

    >>> import numpy as np
    >>> hard_tanh(np.asarray([-3.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])
    """
    return _clamp(x, -1, 1)


def _clamp(x: Array, low: float, high: float) -> Array:
    xp = array_namespace(x)
    return xp.where(x <= low, low, xp.where(x >= high, high, x))


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """x for positive x, ``slope`` times x otherwise.

    >>> import numpy as np
    >>> leaky_relu(np.asarray([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    return array_namespace(x).where(x > 0, x, slope * x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x for positive x, alpha (exp(x) - 1) otherwise (Clevert et al., arXiv:1511.07289).

    >>> import numpy as np
    >>> elu(np.asarray([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    xp = array_namespace(x)
    right = x > 0
    return xp.where(right, x, alpha * xp.expm1(xp.where(right, 0, x)))


def selu(x: Array) -> Array:
    """The ``elu`` that keeps mean 0 and variance 1 (Klambauer et al., arXiv:1706.02515).

    >>> import numpy as np
    >>> selu(np.asarray([-1.0, 2.0])).round(4)
    array([-1.1113,  2.1014])
    """
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), with full relative accuracy in both tails.

    >>> import numpy as np
    >>> sigmoid(np.asarray([0.0, 1.0])).round(4)
    array([0.5   , 0.7311])
    """
    return expit(x)


def log_sigmoid(x: Array) -> Array:
    """log(sigmoid(x)), never minus infinity for a finite x.

    >>> import numpy as np
    >>> log_sigmoid(np.asarray([-1000.0, 0.0])).round(4)
    array([-1.000e+03, -6.931e-01])
    """
    return -log1pexp(-x)


def tanh(x: Array) -> Array:
    """The hyperbolic tangent.

    >>> import numpy as np
    >>> tanh(np.asarray([0.0, 1.0])).round(4)
    array([0.    , 0.7616])
    """
    return array_namespace(x).tanh(x)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), a smooth ``relu``.

    >>> import numpy as np
    >>> softplus(np.asarray([0.0, 1000.0])).round(4)
    array([6.931e-01, 1.000e+03])
    """
    return log1pexp(x)


def softsign(x: Array) -> Array:
    """x / (1 + |x|).

    >>> import numpy as np
    >>> softsign(np.asarray([-1.0, 3.0]))
    array([-0.5 ,  0.75])
    """
    return x / (1 + array_namespace(x).abs(x))


def silu(x: Array) -> Array:
    """x sigmoid(x), also called swish.

    >>> import numpy as np
    >>> silu(np.asarray([0.0, 1.0])).round(4)
    array([0.    , 0.7311])
    """
    return x * expit(x)


def mish(x: Array) -> Array:
    """x tanh(softplus(x)) (Misra, arXiv:1908.08681).

    >>> import numpy as np
    >>> mish(np.asarray([0.0, 1.0])).round(4)
    array([0.    , 0.8651])
    """
    return x * array_namespace(x).tanh(log1pexp(x))


def gelu(x: Array, *, approximate: bool = False) -> Array:
    """x times the normal distribution function at x (Hendrycks and Gimpel, arXiv:1606.08415).

    ``approximate=True`` takes the paper's tanh formula, cheaper and within 5e-4 of the exact one.

    >>> import numpy as np
    >>> gelu(np.asarray([-1.0, 1.0])).round(4)
    array([-0.1587,  0.8413])
    >>> gelu(np.asarray([-1.0, 1.0]), approximate=True).round(4)
    array([-0.1588,  0.8412])
    """
    if approximate:
        inner = math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x * x)
        return 0.5 * x * (1 + array_namespace(x).tanh(inner))
    return 0.5 * x * erfc(-math.sqrt(0.5) * x)


def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) divided by its sum along ``axis``; the shape stays.

    >>> import numpy as np
    >>> softmax(np.asarray([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    return fused.softmax(x, axis)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """log(softmax(x)) along ``axis``, by log-sum-exp: finite for every finite x.

    >>> import numpy as np
    >>> log_softmax(np.asarray([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    return fused.log_softmax(x, axis)


_BIASED = {globals()[name]: primitive for name, primitive in WITH_BIAS.items()}


def biased(activation: Callable[[Array], Array], x: Array, bias: Array) -> Array:
    """``activation(x + bias)``, in one pass for some of this module's activations.

    >>> import numpy as np
    >>> biased(relu, np.asarray([-1.0, 2.0]), np.asarray(0.5))
    array([0. , 2.5])
    """
    together = _BIASED.get(activation) if isinstance(activation, FunctionType) else None
    if together is not None:
        return together(x, bias)
    return activation(array_namespace(x, bias).add(x, bias))
