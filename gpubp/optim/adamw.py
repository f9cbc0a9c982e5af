"""Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Callable

from gpubp.optim.adam import scale_by_adam
from gpubp.optim.learning_rate import Schedule, scale_by_learning_rate
from gpubp.optim.transformation import GradientTransformation, chain
from gpubp.optim.weight_decay import add_decayed_weights
from gpubp.typing import Tree


def adamw(
    learning_rate: float | Schedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 1e-2,
    mask: Callable[[Tree], Tree] | None = None,
) -> GradientTransformation:
    """Adam, and each step also shrinks the parameters by learning_rate * weight_decay.

    Loshchilov and Hutter, arXiv:1711.05101. ``mask``: see :func:`add_decayed_weights`; its
    ``update`` needs ``params``.

    >>> from gpubp import optim
    >>> optimiser = optim.adamw(1e-3, weight_decay=0.1)
    """
    return chain(
        scale_by_adam(b1, b2, epsilon),
        add_decayed_weights(weight_decay, mask=mask),
        scale_by_learning_rate(learning_rate),
    )
