"""Gradients of a batch that does not fit, accumulated over micro-batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.batching.chunked import Chunked, beside_parameters
from gpubp.batching.chunks import cut
from gpubp.core import tree
from gpubp.core.backend import backend_of
from gpubp.rules.elementwise import multiply
from gpubp.transforms.arguments import (
    export,
    name_of,
    plain,
    require_callable,
    with_keywords,
)
from gpubp.transforms.grad import value_and_grad as all_at_once

REDUCTIONS = ("mean", "sum")


def value_and_grad(
    loss: Callable[..., Any],
    *,
    reduction: str = "mean",
    chunk_size: int | str | None = "auto",
) -> Callable[..., Any]:
    """Function returning a batch's loss and gradient, from micro-batches where it does not fit.

    The result is that of :func:`gpubp.value_and_grad` up to rounding, because the loss of a batch
    is the mean (or sum) of those of its parts. Losses of which that is not true are refused: the
    first time that a kind of batch is split, the loss of four of its examples is compared with
    those of their halves.

    Args:
        loss: ``loss(params, *batch)``, a real scalar of a whole batch.
        reduction: ``"mean"`` or ``"sum"``: what it takes over examples.
        chunk_size: examples in a micro-batch; ``"auto"``: as many as fit the free memory.

    Returns:
        A function of ``(params, *batch)``, the examples along axis 0 of every array in ``batch``,
        giving ``(value, gradient)``. Keyword arguments are shared.

    Raises:
        ExampleMixingError: where a batch is split and its loss is not that of its parts: layers
            that mix examples (BatchNorm in training), losses of pairs, noise by position.
        ArgumentError: for another reduction, or arrays of different lengths.
        OutOfDeviceMemoryError: where one example does not fit.

    Examples:
        >>> import gpubp, numpy as np
        >>> loss = lambda w, x: np.mean((x @ w) ** 2)
        >>> step = gpubp.batching.value_and_grad(loss, chunk_size=2)
        >>> step(np.ones(2), np.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        (array(2.), array([2., 2.]))
    """
    require_callable(loss, "batching.value_and_grad")
    if reduction not in REDUCTIONS:
        raise errors.ArgumentError(
            f"batching.value_and_grad: reduction={reduction!r}; use one of {', '.join(REDUCTIONS)}"
        )
    chunked = Chunked("batching.value_and_grad", chunk_size)
    checked: set[Any] = set()

    def transformed(params: Any, *batch: Any, **kwargs: Any) -> Any:
        f = with_keywords(loss, kwargs)
        args = (params, *batch)
        leaves, treedef, axes, size = beside_parameters(loss, args)

        def part(leaves: Sequence[Any]) -> Any:
            count = next(x.shape[0] for x, a in zip(leaves, axes, strict=True) if a is not None)
            share = count / size if reduction == "mean" else 1.0
            found = all_at_once(f)(*tree.unflatten(treedef, leaves))
            return tree.map(lambda x: export(multiply(plain(x), share)), found)

        def value(start: int, stop: int) -> Any:
            pairs = zip(leaves, axes, strict=True)
            some = [x if a is None else cut(x, 0, start, stop) for x, a in pairs]
            return all_at_once(f)(*tree.unflatten(treedef, some))[0]  # f wants traced arrays

        def split() -> None:
            if size >= 4 and treedef not in checked:
                _require_additive(value, reduction, name_of(loss))
                checked.add(treedef)

        key = None if kwargs else treedef
        return chunked.summed(part, leaves, axes, size, key, split)

    transformed.__name__ = f"batching.value_and_grad({name_of(loss)})"
    transformed.__doc__ = loss.__doc__
    return transformed


# Of the losses' rounding units: what sums in another order may differ by.
_ROUNDING = 2000


def _require_additive(value: Callable[[int, int], Any], reduction: str, name: str) -> None:
    """Raise unless the loss of four examples is that of two and two."""
    whole, first, second = value(0, 4), value(0, 2), value(2, 4)
    eps = backend_of(whole).xp.finfo(whole.dtype).eps
    four, *two = (float(x) for x in (whole, first, second))
    together = sum(two) / 2 if reduction == "mean" else sum(two)
    if abs(four - together) <= _ROUNDING * eps * (abs(two[0]) + abs(two[1])):
        return
    raise errors.ExampleMixingError(
        f"batching.value_and_grad: {name} of four examples is {four:.6g}, but the {reduction} over "
        f"their halves is {together:.6g}, so that micro-batches would give another gradient. "
        "Something mixes examples (BatchNorm in training, a loss of pairs), draws noise by "
        f"position in the batch, or reduces otherwise than by {reduction}. Remedy: nn.GroupNorm in "
        "place of BatchNorm; random keys in the batch, one for each example; the right reduction"
    )
