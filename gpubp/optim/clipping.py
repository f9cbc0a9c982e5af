"""Limits on gradients."""

from __future__ import annotations

from gpubp.core import array_namespace, tree
from gpubp.errors import ArgumentError
from gpubp.optim.learning_rate import times
from gpubp.optim.transformation import (
    GradientTransformation,
    as_array,
    stateless,
)
from gpubp.typing import Array, Tree


def global_norm(grads: Tree) -> Array:
    """The Euclidean norm of all leaves together, an array of shape ().

    Raises :class:`~gpubp.errors.ArgumentError` for a tree without arrays.

    >>> import numpy as np
    >>> float(global_norm({"a": np.asarray([3.0]), "b": np.asarray([[4.0]]), "c": None}))
    5.0
    """
    leaves = tree.leaves(grads)
    if not leaves:
        raise ArgumentError("global_norm: the tree holds no arrays.")
    xp = array_namespace(*leaves)
    total = xp.sum(leaves[0] * leaves[0])
    for leaf in leaves[1:]:
        total = total + xp.sum(leaf * leaf)
    return as_array(xp.sqrt(total))


def clip_by_global_norm(max_norm: float) -> GradientTransformation:
    """All gradients shrunk by one factor, so that their joint norm is at most ``max_norm``.

    Smaller gradients come through unchanged. Pascanu et al., arXiv:1211.5063.
    Raises :class:`~gpubp.errors.ArgumentError` unless max_norm is positive.

    >>> import numpy as np
    >>> clip = clip_by_global_norm(1.0)
    >>> clip.update([np.asarray([3.0, 4.0])], clip.init(None))
    ([array([0.6, 0.8])], ())
    """
    if not max_norm > 0:
        raise ArgumentError(f"clip_by_global_norm: max_norm is {max_norm}; it must be positive.")

    def clip(grads: Tree, params: Tree | None) -> Tree:
        norm = global_norm(grads)
        # 1 exactly below the limit, and no division by a norm of zero.
        return times(grads, max_norm / array_namespace(norm).maximum(norm, max_norm))

    return stateless(clip)
