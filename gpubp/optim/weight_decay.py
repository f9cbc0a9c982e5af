"""Weight decay."""

from __future__ import annotations

from collections.abc import Callable

from gpubp.errors import ArgumentError
from gpubp.optim.leafwise import leafwise
from gpubp.optim.transformation import GradientTransformation, map_arrays, stateless
from gpubp.typing import Tree


def add_decayed_weights(
    rate: float, *, mask: Callable[[Tree], Tree] | None = None
) -> GradientTransformation:
    """Each gradient plus ``rate`` times its parameter.

    Where it stands in the chain decides what it is: before an adaptive link an L2 penalty, after
    it decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101). ``mask(params)`` gives a
    tree of Python bools, True where a parameter decays; all of them do by default.
    Raises :class:`~gpubp.errors.ArgumentError` for a negative rate, or params missing in update.

    >>> from gpubp import optim
    >>> l2 = optim.chain(optim.add_decayed_weights(1e-4), optim.sgd(0.1, momentum=0.9))
    """
    if not rate >= 0:
        raise ArgumentError(f"add_decayed_weights: rate is {rate}; it must not be negative.")

    def decay(grads: Tree, params: Tree | None) -> Tree:
        if params is None:
            raise ArgumentError(
                "add_decayed_weights: params is missing. Remedy: update(grads, state, params)."
            )
        if mask is None:
            (decayed,) = leafwise("decay", lambda g, p: (g + rate * p,), grads, params, rate=rate)
            return decayed
        return map_arrays(
            lambda g, p, decays: g + rate * p if decays else g, grads, params, mask(params)
        )

    return stateless(decay)
