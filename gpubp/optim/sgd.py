"""Gradient descent, plain or with momentum."""

from __future__ import annotations

from gpubp.errors import ArgumentError
from gpubp.optim.leafwise import leafwise
from gpubp.optim.learning_rate import Schedule, scale_by_learning_rate
from gpubp.optim.transformation import (
    GradientTransformation,
    chain,
    zeros_like_parameters,
)
from gpubp.typing import Array, Tree


def trace(decay: float, *, nesterov: bool = False) -> GradientTransformation:
    """Momentum: m = decay m + g; the update is m, or g + decay m with ``nesterov``.

    Sutskever et al., ICML 2013, in PyTorch's form. The state is the tree of m.
    Raises :class:`~gpubp.errors.ArgumentError` unless 0 <= decay < 1.

    >>> from gpubp import optim
    >>> optimiser = optim.chain(optim.trace(0.9), optim.scale_by_learning_rate(0.1))
    """
    if not 0 <= decay < 1:
        raise ArgumentError(f"trace: decay is {decay}; it must be at least 0 and below 1.")

    def update(grads: Tree, state: Tree, params: Tree | None = None) -> tuple[Tree, Tree]:
        if not nesterov:
            (m,) = leafwise("trace", lambda g, m: (decay * m + g,), grads, state, decay=decay)
            return m, m

        def step(g: Array, m: Array) -> tuple[Array, Array]:
            m = decay * m + g
            return g + decay * m, m

        updates, m = leafwise("nesterov", step, grads, state, results=2, decay=decay)
        return updates, m

    return GradientTransformation(zeros_like_parameters, update)


def sgd(
    learning_rate: float | Schedule, *, momentum: float = 0.0, nesterov: bool = False
) -> GradientTransformation:
    """Gradient descent: p - learning_rate g, with momentum if asked for (see :func:`trace`).

    Raises :class:`~gpubp.errors.ArgumentError` for arguments outside their range, and for
    ``nesterov`` without momentum.

    >>> from gpubp import optim
    >>> optimiser = optim.sgd(0.1, momentum=0.9, nesterov=True)
    """
    if nesterov and not momentum:
        raise ArgumentError("sgd: nesterov needs momentum. Remedy: momentum=0.9, for example.")
    descent = scale_by_learning_rate(learning_rate)
    return chain(trace(momentum, nesterov=nesterov), descent) if momentum else chain(descent)
