"""RMSprop."""

from __future__ import annotations

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError
from gpubp.optim.leafwise import leafwise
from gpubp.optim.learning_rate import Schedule, scale_by_learning_rate
from gpubp.optim.sgd import trace
from gpubp.optim.transformation import (
    GradientTransformation,
    chain,
    zeros_like_parameters,
)
from gpubp.typing import Array, Tree


def scale_by_rms(decay: float = 0.99, epsilon: float = 1e-8) -> GradientTransformation:
    """Each gradient over the root of its running mean square, plus ``epsilon``.

    The state is the tree of mean squares.
    Raises :class:`~gpubp.errors.ArgumentError` for arguments outside their range.

    >>> from gpubp import optim
    >>> optimiser = optim.chain(optim.scale_by_rms(), optim.scale_by_learning_rate(1e-2))
    """
    if not 0 <= decay < 1:
        raise ArgumentError(f"rmsprop: decay is {decay}; it must be at least 0 and below 1.")
    if not epsilon > 0:
        raise ArgumentError(f"rmsprop: epsilon is {epsilon}; it must be positive.")

    def update(grads: Tree, state: Tree, params: Tree | None = None) -> tuple[Tree, Tree]:
        def step(g: Array, v: Array) -> tuple[Array, Array]:
            v = decay * v + (1 - decay) * g * g
            return g / (array_namespace(v).sqrt(v) + epsilon), v

        updates, square = leafwise(
            "rms", step, grads, state, results=2, decay=decay, epsilon=epsilon
        )
        return updates, square

    return GradientTransformation(zeros_like_parameters, update)


def rmsprop(
    learning_rate: float | Schedule,
    *,
    decay: float = 0.99,
    epsilon: float = 1e-8,
    momentum: float = 0.0,
) -> GradientTransformation:
    """RMSprop (Hinton, "Neural networks for machine learning", lecture 6e, 2012).

    In PyTorch's form: epsilon is added to the root, and momentum acts on the scaled gradients.

    >>> from gpubp import optim
    >>> optimiser = optim.rmsprop(1e-2, momentum=0.9)
    """
    links = [scale_by_rms(decay, epsilon)]
    if momentum:
        links.append(trace(momentum))
    return chain(*links, scale_by_learning_rate(learning_rate))
