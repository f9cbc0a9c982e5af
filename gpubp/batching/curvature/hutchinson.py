"""Traces and diagonals of matrices that are only known by their products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpubp import random
from gpubp.core import array_namespace, tree
from gpubp.transforms.arguments import export, plain, require_callable
from gpubp.transforms.vmap import vmap


def hutchinson_trace(
    product: Callable[[Any], Any],
    like: Any,
    key: Any,
    samples: int = 100,
    chunk_size: int | str | None = "auto",
) -> Any:
    """The trace of a symmetric matrix, estimated: the mean of v . A v over random signs v.

    The estimate has no bias and variance 2 (|A|^2 - |diag A|^2) / samples, norms being
    Frobenius's. Hutchinson, doi:10.1080/03610919008812866.

    Args:
        product: A times a tree like ``like``, for example ``lambda v: gpubp.hvp(f, (x,), (v,))``.
        like: a tree of floating-point arrays, the shape of v.
        key: a random key.
        samples: number of products.
        chunk_size: of these at a time.

    Returns:
        An array of shape ().

    Examples:
        >>> import gpubp, numpy as np
        >>> diagonal = np.asarray([1.0, 2.0, 3.0])
        >>> hutchinson_trace(lambda v: diagonal * v, diagonal, gpubp.random.key(0, "numpy"), 3)
        array(6.)
    """

    def one(key: Any) -> Any:
        v = _signs(key, like)
        pairs = zip(tree.leaves(v), tree.leaves(product(v)), strict=True)
        return sum(array_namespace(x).sum(x * y) for x, y in pairs)

    return _mean(one, product, key, samples, chunk_size)


def hutchinson_diagonal(
    product: Callable[[Any], Any],
    like: Any,
    key: Any,
    samples: int = 100,
    chunk_size: int | str | None = "auto",
) -> Any:
    """The diagonal of a symmetric matrix, estimated: the mean of v A v over random signs v.

    See :func:`hutchinson_trace`; the result is a tree like ``like``. Bekas et al.,
    doi:10.1016/j.apnum.2007.01.003.

    Examples:
        >>> import gpubp, numpy as np
        >>> diagonal = np.asarray([1.0, 2.0, 3.0])
        >>> hutchinson_diagonal(lambda v: diagonal * v, diagonal, gpubp.random.key(0, "numpy"), 3)
        array([1., 2., 3.])
    """

    def one(key: Any) -> Any:
        v = _signs(key, like)
        return tree.map(lambda x, y: x * y, v, product(v))

    return _mean(one, product, key, samples, chunk_size)


def _mean(one: Callable[[Any], Any], product: Any, key: Any, samples: int, chunk_size: Any) -> Any:
    require_callable(product, "hutchinson")
    found = vmap(one, chunk_size=chunk_size)(random.split(key, samples))
    return tree.map(lambda x: export(plain(array_namespace(x).mean(x, axis=0))), found)


def _signs(key: Any, like: Any) -> Any:
    """A tree of random signs."""
    leaves, treedef = tree.flatten(like)
    signs = []
    for number, x in enumerate(leaves):
        heads = random.bernoulli(random.fold_in(key, number), shape=tuple(x.shape))
        xp = array_namespace(heads)
        signs.append(2 * xp.astype(heads, x.dtype) - 1)
    return tree.unflatten(treedef, signs)
