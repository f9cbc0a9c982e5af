"""The functions of :mod:`gpubp.per_example`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gpubp import errors
from gpubp.batching.per_example.run import Pass, run
from gpubp.core import tree
from gpubp.core.namespace import is_array
from gpubp.core.primitive import PRIMITIVES
from gpubp.rules.elementwise import divide, multiply, subtract, where
from gpubp.transforms.arguments import export, name_of, require_callable, with_keywords

PerExample = Callable[..., Any]


def gradients(loss: Callable[..., Any]) -> PerExample:
    """Function returning the gradient of ``loss`` for each example.

    Args:
        loss: ``loss(params, *example)``, a real scalar of one example.

    Returns:
        A function of ``(params, *batch)``: a tree like ``params`` whose leaves have the batch as
        axis 0; arrays in ``batch`` have it there too. Keyword arguments are shared.

    Raises:
        ArgumentError: where arrays in ``batch`` have no common first axis.
        DifferentiationError: if ``loss`` returns no real scalar, or a parameter has no derivative.

    Examples:
        >>> import gpubp, numpy as np
        >>> loss = lambda w, x: (x @ w).sum()
        >>> x = np.asarray([[1.0, 2.0], [3.0, 4.0]])
        >>> gpubp.per_example.gradients(loss)(np.ones((2, 1)), x)[:, :, 0]
        array([[1., 2.],
               [3., 4.]])
    """

    def results(found: Pass) -> Any:
        return tree.unflatten(found.treedef, [export(g) for g in found.gradients.dense()])

    return _per_example(loss, "gradients", results)


def norms(loss: Callable[..., Any]) -> PerExample:
    """Function returning the length of the gradient of ``loss`` for each example.

    It is the Euclidean norm over all parameters, shape (batch,). See :func:`gradients` for
    arguments and errors. Goodfellow, arXiv:1510.01799; for sequences Li et al.,
    arXiv:2110.05679 (section 4).

    Examples:
        >>> import gpubp, numpy as np
        >>> loss = lambda w, x: (x @ w).sum()
        >>> gpubp.per_example.norms(loss)(np.ones((2, 1)), np.asarray([[3.0, 4.0], [0.0, 1.0]]))
        array([5., 1.])
    """

    def results(found: Pass) -> Any:
        return export(_root(found.gradients.squared_norms()))

    return _per_example(loss, "norms", results)


def clipped_sum(loss: Callable[..., Any], max_norm: Any) -> PerExample:
    """Function returning the sum of the gradients, each scaled down to length ``max_norm``.

    That is sum_b min(1, max_norm / |g_b|) g_b, a tree like ``params``: what differentially
    private training adds its noise to (Abadi et al., arXiv:1607.00133). ``max_norm`` is a
    positive number or 0-d array, or one per example. See :func:`gradients` for the rest.

    Raises:
        ArgumentError: if ``max_norm`` is a number that is not positive.

    Examples:
        >>> import gpubp, numpy as np
        >>> loss = lambda w, x: (x @ w).sum()
        >>> x = np.asarray([[3.0, 4.0], [0.0, 0.5]])
        >>> gpubp.per_example.clipped_sum(loss, 1.0)(np.ones((2, 1)), x)[:, 0]
        array([0.6, 1.3])
    """
    if not is_array(max_norm) and not max_norm > 0:
        raise errors.ArgumentError(
            f"per_example.clipped_sum: max_norm={max_norm!r}; give a positive length"
        )

    def results(found: Pass) -> Any:
        lengths = _root(found.gradients.squared_norms())
        within = PRIMITIVES["less_equal"](lengths, max_norm)
        factors = where(within, 1.0, divide(max_norm, where(within, 1.0, lengths)))
        factors = PRIMITIVES["astype"](factors, dtype=lengths.dtype)
        return tree.unflatten(found.treedef, [export(g) for g in found.gradients.totals(factors)])

    return _per_example(loss, "clipped_sum", results)


class Moments(NamedTuple):
    """Mean and variance over examples of the gradients, trees like the parameters."""

    mean: Any
    variance: Any


def moments(loss: Callable[..., Any]) -> PerExample:
    """Function returning mean and variance of the gradients over the examples.

    The mean is the gradient of the mean loss. The variance is that of the batch itself (divided
    by the number of examples), element by element; its sum with the squared mean is the second
    moment. See :func:`gradients` for arguments and errors. The squares come from products of
    squared factors (Dangel et al., arXiv:1912.10985, BackPACK).

    Returns:
        A function of ``(params, *batch)`` giving a named tuple ``(mean, variance)`` of trees.

    Examples:
        >>> import gpubp, numpy as np
        >>> loss = lambda w, x: (x @ w).sum()
        >>> x = np.asarray([[1.0, 2.0], [3.0, 4.0]])
        >>> mean, variance = gpubp.per_example.moments(loss)(np.ones((2, 1)), x)
        >>> mean[:, 0], variance[:, 0]
        (array([2., 3.]), array([1., 1.]))
    """

    def results(found: Pass) -> Any:
        share = 1.0 / found.gradients.size
        means = [multiply(g, share) for g in found.gradients.totals()]
        seconds = [multiply(g, share) for g in found.gradients.total_squares()]
        variances = [
            PRIMITIVES["maximum"](subtract(second, multiply(mean, mean)), 0.0)
            for second, mean in zip(seconds, means, strict=True)
        ]
        trees = (
            tree.unflatten(found.treedef, [export(g) for g in part]) for part in (means, variances)
        )
        return Moments(*trees)

    return _per_example(loss, "moments", results)


def _root(squares: Any) -> Any:
    """Lengths; the derivative at zero is zero, as that of a norm."""
    return PRIMITIVES["norm_root"](squares)


def _per_example(loss: Callable[..., Any], name: str, results: Callable[[Pass], Any]) -> PerExample:
    name = f"per_example.{name}"
    require_callable(loss, name)

    def transformed(params: Any, *batch: Any, **kwargs: Any) -> Any:
        return results(run(with_keywords(loss, kwargs), params, batch, name))

    transformed.__name__ = f"{name}({name_of(loss)})"
    transformed.__doc__ = loss.__doc__
    return transformed
