"""Optimisers as pairs of pure functions, ``init`` and ``update``, put together with ``chain``.

After optax. A transformation turns a tree of gradients into a tree of updates, and a chain's last
link scales by minus the learning rate, so that ``apply_updates`` only adds. The state is a tree of
arrays, step counts included: a recorded update can be replayed, because nothing in it is a
Python number that changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import optree

from gpubp.core import array_namespace, tree
from gpubp.errors import ArgumentError
from gpubp.typing import Array, Tree


class Init(Protocol):
    """``init(params) -> state``."""

    def __call__(self, params: Tree, /) -> Tree: ...


class Update(Protocol):
    """``update(grads, state, params=None) -> (updates, state)``."""

    def __call__(
        self, grads: Tree, state: Tree, params: Tree | None = None, /
    ) -> tuple[Tree, Tree]: ...


class GradientTransformation(NamedTuple):
    """A pair of pure functions: ``init(params)`` and ``update(grads, state, params=None)``.

    >>> import numpy as np
    >>> from gpubp import optim
    >>> params = {"w": np.asarray([1.0, 2.0])}
    >>> optimiser = optim.sgd(0.5)
    >>> state = optimiser.init(params)
    >>> updates, state = optimiser.update({"w": np.asarray([1.0, 0.0])}, state, params)
    >>> optim.apply_updates(params, updates)
    {'w': array([0.5, 2. ])}
    """

    init: Init
    update: Update


def stateless(update: Callable[[Tree, Tree | None], Tree]) -> GradientTransformation:
    """The transformation ``update(grads, params)`` that keeps nothing between steps.

    >>> halve = stateless(lambda grads, params: map_arrays(lambda g: 0.5 * g, grads))
    """
    return GradientTransformation(
        lambda params: (),
        lambda grads, state, params=None: (update(grads, params), state),
    )


def chain(*transformations: GradientTransformation) -> GradientTransformation:
    """One transformation after the other; the state is the tuple of theirs.

    >>> from gpubp import optim
    >>> optimiser = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(1e-3))
    """

    def init(params: Tree) -> Tree:
        return tuple([t.init(params) for t in transformations])

    def update(grads: Tree, state: Tree, params: Tree | None = None) -> tuple[Tree, Tree]:
        if not isinstance(state, tuple) or len(state) != len(transformations):
            given = f"has {len(state)} parts" if isinstance(state, tuple) else f"is {state!r:.40}"
            raise ArgumentError(
                f"chain: state {given} for {len(transformations)} transformations. "
                "Remedy: take the state from this optimiser's own init(params)."
            )
        states = []
        for transformation, part in zip(transformations, state, strict=True):
            grads, part = transformation.update(grads, part, params)
            states.append(part)
        return grads, tuple(states)

    return GradientTransformation(init, update)


def map_arrays(f: Callable[..., Any], grads: Tree, *rest: Tree) -> Tree:
    """``f`` over the leaves of trees of one structure; where ``grads`` has None, so has the result.

    The other trees may have anything there: a parameter without a gradient is left alone.
    """
    return _map(lambda g, *others: None if g is None else as_array(f(g, *others)), grads, *rest)


def _map(f: Callable[..., Any], first: Tree, *rest: Tree) -> Tree:
    return optree.tree_map(f, first, *rest, none_is_leaf=True, namespace=tree.NAMESPACE)


def zeros_like_parameters(params: Tree) -> Tree:
    """Zeros for every floating-point leaf, None for the others: they have no gradient."""

    def zeros(p: Array | None) -> Array | None:
        if not is_parameter(p):
            return None
        return array_namespace(p).zeros_like(p)

    return _map(zeros, params)


def is_parameter(leaf: Any) -> bool:
    """Whether a leaf is an array that can have a gradient."""
    if not hasattr(leaf, "dtype"):
        return False
    return array_namespace(leaf).isdtype(leaf.dtype, ("real floating", "complex floating"))


def first_parameter(owner: str, params: Tree) -> Array:
    """The array that decides where a step count lives.

    Raises :class:`~gpubp.errors.ArgumentError` when there is none.
    """
    for leaf in tree.leaves(params):
        if is_parameter(leaf):
            return leaf
    raise ArgumentError(
        f"{owner}: params holds no floating-point array: there is nothing to train."
    )


def zero_count(owner: str, params: Tree) -> Array:
    """Step 0, as an int64 array of shape () beside the parameters."""
    beside = first_parameter(owner, params)
    xp = array_namespace(beside)
    return xp.zeros((), dtype=xp.int64, device=beside.device)


def advance(count: Array) -> Array:
    """The next step."""
    return as_array(count + 1)


def as_array(x: Array) -> Array:
    """``x``; NumPy makes a scalar of a sum of 0-d arrays, and a state holds arrays only."""
    return x if x.shape else array_namespace(x).asarray(x)
