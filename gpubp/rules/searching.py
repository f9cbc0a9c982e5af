"""Searching, sorting, set and utility functions, in the standard's order within each section."""

from __future__ import annotations

from typing import Any, NamedTuple

from gpubp.core.namespace import dtype_kind
from gpubp.core.registry import FUNCTIONS, function
from gpubp.core.shapes import normalize_axes, normalize_axis
from gpubp.rules.elementwise import logical_not, not_equal
from gpubp.rules.families import Discrete, full_like
from gpubp.rules.indexing import getitem, take_along_axis
from gpubp.rules.manipulation import concat, reshape
from gpubp.rules.statistical import after_batch, reduced_shape


def _reduction(name: str) -> Discrete:
    """Reductions over a tuple of axes."""
    primitive = Discrete(
        name,
        shape=lambda x, axis, keepdims: reduced_shape(x, axis, keepdims),
        batch=lambda x, axis, keepdims: primitive(x, axis=after_batch(axis), keepdims=keepdims),
    )
    return primitive


def _position(name: str) -> Discrete:
    """Reductions over one axis."""
    primitive = Discrete(
        name,
        shape=lambda x, axis, keepdims: reduced_shape(x, (axis,), keepdims),
        batch=lambda x, axis, keepdims: primitive(x, axis=axis + 1, keepdims=keepdims),
    )
    return primitive


def _arg(primitive: Discrete, x: Any, axis: int | None, keepdims: bool) -> Any:
    ndim = len(x.shape)
    if axis is None:
        y = primitive(reshape(x, (-1,)), axis=0, keepdims=False)
        return reshape(y, (1,) * ndim) if keepdims else y
    return primitive(x, axis=normalize_axis(axis, ndim, primitive.name), keepdims=keepdims)


argmax_p = _position("argmax")
argmin_p = _position("argmin")
argsort_p = Discrete(
    "argsort",
    shape=lambda x, axis, descending, stable: x.shape,
    batch=lambda x, axis, descending, stable: argsort_p(
        x, axis=axis + 1, descending=descending, stable=stable
    ),
)
count_nonzero_p = _reduction("count_nonzero")
all_p = _reduction("all")
any_p = _reduction("any")
searchsorted_p = Discrete(
    "searchsorted",
    shape=lambda x1, x2, side: x2.shape,
    reference=lambda xp, x1, x2, side: xp.searchsorted(x1, x2, side=side),
)
isin_p = Discrete("isin", shape=lambda x1, x2: x1.shape)


class _Nonzero(Discrete):
    multiple_results = True


nonzero_p = _Nonzero("nonzero")


@function
def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position of the first largest element."""
    return _arg(argmax_p, x, axis, keepdims)


@function
def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Position of the first smallest element."""
    return _arg(argmin_p, x, axis, keepdims)


@function
def count_nonzero(
    x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> Any:
    """Number of elements that are not zero."""
    axes = normalize_axes(axis, len(x.shape), "count_nonzero")
    return count_nonzero_p(x, axis=axes, keepdims=keepdims)


@function
def nonzero(x: Any, /) -> tuple[Any, ...]:
    """Positions of the elements that are not zero, an array for each axis."""
    return tuple(nonzero_p(x))


@function
def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    """Positions at which ``x2`` would be inserted in sorted ``x1``."""
    if sorter is not None:
        x1 = getitem(x1, sorter)
    if not hasattr(x2, "shape"):
        x2 = full_like(x1, x2, ())
    return searchsorted_p(x1, x2, side=side)


# Sorting


@function
def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Positions of the elements in order."""
    axis = normalize_axis(axis, len(x.shape), "argsort")
    return argsort_p(x, axis=axis, descending=descending, stable=stable)


@function
def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Elements in order; derivatives follow them, equal elements in the order they came."""
    order = argsort(x, axis=axis, descending=descending, stable=stable)
    return take_along_axis(x, order, axis=axis)


# Sets


class UniqueAll(NamedTuple):
    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    values: Any
    inverse_indices: Any


@function
def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Any:
    """Which elements of ``x1`` are among those of ``x2``."""
    found = isin_p(x1, x2)
    return logical_not(found) if invert else found  # array-api-strict's own drops the flag


@function
def unique_all(x: Any, /) -> UniqueAll:
    """Distinct elements in order, where each first stands, where each went, and their counts."""
    flat = reshape(x, (-1,))
    n = flat.shape[0]
    order = argsort(flat)
    ordered = getitem(flat, order)
    fresh = not_equal(getitem(ordered, slice(1, None)), getitem(ordered, slice(None, -1)))
    first = concat([full_like(fresh, True, (min(n, 1),)), fresh])
    (starts,) = nonzero(first)
    indices = getitem(order, starts)
    rank = FUNCTIONS["cumulative_sum"](FUNCTIONS["astype"](first, order.dtype), axis=0) - 1
    inverse = reshape(getitem(rank, argsort(order)), tuple(x.shape))
    counts = diff(starts, append=full_like(starts, n, (1,)))
    return UniqueAll(getitem(flat, indices), indices, inverse, counts)


@function
def unique_counts(x: Any, /) -> UniqueCounts:
    """Distinct elements and their counts."""
    values, _, _, counts = unique_all(x)
    return UniqueCounts(values, counts)


@function
def unique_inverse(x: Any, /) -> UniqueInverse:
    """Distinct elements and where each element went."""
    values, _, inverse, _ = unique_all(x)
    return UniqueInverse(values, inverse)


@function
def unique_values(x: Any, /) -> Any:
    """Distinct elements."""
    return unique_all(x).values


# Utility


@function
def all(x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """Whether every element is true."""
    return all_p(x, axis=normalize_axes(axis, len(x.shape), "all"), keepdims=keepdims)


@function
def any(x: Any, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """Whether some element is true."""
    return any_p(x, axis=normalize_axes(axis, len(x.shape), "any"), keepdims=keepdims)


@function
def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """Differences between neighbours along an axis, ``n`` times over."""
    axis = normalize_axis(axis, len(x.shape), "diff")
    if n == 0:
        return x
    ends = [e for e in (prepend, x, append) if e is not None]
    x = concat(ends, axis=axis) if len(ends) > 1 else x
    before = (slice(None),) * axis
    for _ in range(n):
        high = getitem(x, (*before, slice(1, None)))
        low = getitem(x, (*before, slice(None, -1)))
        x = not_equal(high, low) if dtype_kind(x) == "b" else high - low
    return x
