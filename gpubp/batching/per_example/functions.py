"""The functions of :mod:`gpubp.per_example`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gpubp import errors
from gpubp.batching.chunked import Chunked, beside_parameters
from gpubp.batching.per_example.run import Pass, run
from gpubp.core import tree
from gpubp.core.namespace import is_array
from gpubp.core.primitive import PRIMITIVES
from gpubp.rules.elementwise import divide, less_equal, maximum, multiply, subtract, where
from gpubp.transforms.arguments import export, name_of, payload, require_callable, with_keywords

PerExample = Callable[..., Any]


def gradients(
    loss: Callable[..., Any], chunk_size: int | str | None = "auto", *, out: str = "device"
) -> PerExample:
    """Function returning the gradient of ``loss`` for each example.

    Args:
        loss: ``loss(params, *example)``, a real scalar of one example.
        chunk_size: examples at a time, as in :func:`gpubp.vmap`; ``"auto"``: as many as fit.
        out: ``"host"`` keeps the gradients on the host, as its arrays.

    Returns:
        A function of ``(params, *batch)``: a tree like ``params`` whose leaves have the batch as
        axis 0; arrays in ``batch`` have it there too. Keyword arguments are shared.

    Raises:
        ArgumentError: where arrays in ``batch`` have no common first axis.
        DifferentiationError: if ``loss`` returns no real scalar, or a parameter has no derivative.
        OutOfDeviceMemoryError: where one example does not fit.

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

    return _per_example(loss, "gradients", chunk_size, results, out=out)


def norms(loss: Callable[..., Any], chunk_size: int | str | None = "auto") -> PerExample:
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

    return _per_example(loss, "norms", chunk_size, results)


def clipped_sum(
    loss: Callable[..., Any], max_norm: Any, chunk_size: int | str | None = "auto"
) -> PerExample:
    """Function returning the sum of the gradients, each scaled down to length ``max_norm``.

    That is sum_b min(1, max_norm / |g_b|) g_b, a tree like ``params``: what differentially
    private training adds its noise to (Abadi et al., arXiv:1607.00133). ``max_norm`` is a
    positive number, or an array with one for each example. See :func:`gradients` for the rest.

    Raises:
        ArgumentError: if ``max_norm`` is a number that is not positive.

    Examples:
        >>> import gpubp, numpy as np
        >>> loss = lambda w, x: (x @ w).sum()
        >>> x = np.asarray([[3.0, 4.0], [0.0, 0.5]])
        >>> gpubp.per_example.clipped_sum(loss, 1.0)(np.ones((2, 1)), x)[:, 0]
        array([0.6, 1.3])
    """
    each = is_array(max_norm) and len(max_norm.shape) == 1
    if not is_array(max_norm) and not max_norm > 0:
        raise errors.ArgumentError(
            f"per_example.clipped_sum: max_norm={max_norm!r}; give a positive length"
        )

    def results(found: Pass, limit: Any = max_norm) -> Any:
        lengths = _root(found.gradients.squared_norms())
        within = less_equal(lengths, limit)
        factors = where(within, 1.0, divide(limit, where(within, 1.0, lengths)))
        if factors.dtype != lengths.dtype:
            factors = PRIMITIVES["astype"](factors, dtype=lengths.dtype)
        return tree.unflatten(found.treedef, [export(g) for g in found.gradients.totals(factors)])

    rows = max_norm if each else None
    return _per_example(loss, "clipped_sum", chunk_size, results, summed=True, rows=rows)


class Moments(NamedTuple):
    """Mean and variance over examples of the gradients, trees like the parameters."""

    mean: Any
    variance: Any


def moments(loss: Callable[..., Any], chunk_size: int | str | None = "auto") -> PerExample:
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
        kinds = found.gradients.totals(), found.gradients.total_squares()
        return tuple(tree.unflatten(found.treedef, [export(g) for g in kind]) for kind in kinds)

    def finish(found: Any, size: int) -> Moments:
        means = tree.map(lambda g: multiply(payload(g), 1.0 / size), found[0])

        def variance(squares: Any, mean: Any) -> Any:
            second = multiply(payload(squares), 1.0 / size)
            return export(maximum(subtract(second, multiply(mean, mean)), 0.0))

        return Moments(tree.map(export, means), tree.map(variance, found[1], means))

    return _per_example(loss, "moments", chunk_size, results, summed=True, finish=finish)


def _root(squares: Any) -> Any:
    """Lengths; the derivative at zero is zero, as that of a norm."""
    return PRIMITIVES["norm_root"](squares)


def _per_example(
    loss: Callable[..., Any],
    name: str,
    chunk_size: int | str | None,
    results: Callable[..., Any],
    summed: bool = False,
    out: str = "device",
    rows: Any = None,
    finish: Callable[[Any, int], Any] | None = None,
) -> PerExample:
    """The function of a batch that makes ``results`` of passes over its chunks.

    Args:
        results: of one pass, and of the chunk's part of ``rows`` if there are any.
        summed: whether those of chunks are added up instead of laid side by side.
        rows: an array with an entry for each example.
        finish: of the whole, with the number of examples.
    """
    name = f"per_example.{name}"
    require_callable(loss, name)
    chunked = Chunked(name, chunk_size, out)

    def transformed(params: Any, *batch: Any, **kwargs: Any) -> Any:
        f = with_keywords(loss, kwargs)
        args = (params, *batch) if rows is None else (params, *batch, rows)
        leaves, treedef, axes, size = beside_parameters(loss, args)

        def part(leaves: Sequence[Any]) -> Any:
            given, *examples = tree.unflatten(treedef, leaves)
            own = [] if rows is None else [payload(examples.pop())]
            return results(run(f, given, examples, name), *own)

        key = None if kwargs else treedef
        if summed:
            found = chunked.summed(part, leaves, axes, size, key)
        else:
            found = chunked.joined(part, leaves, axes, size, 0, key)
        return found if finish is None else finish(found, size)

    transformed.__name__ = f"{name}({name_of(loss)})"
    transformed.__doc__ = loss.__doc__
    return transformed
