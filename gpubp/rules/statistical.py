"""Statistical functions, in the standard's order: reductions and cumulative ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import dtype_kind, namespace_of
from gpubp.core.primitive import Needed, Primitive, Tangents
from gpubp.core.registry import FUNCTIONS, METHODS, function
from gpubp.core.shapes import Shape, normalize_axes, normalize_axis, size_of
from gpubp.errors import ArgumentError
from gpubp.rules.elementwise import conj, norm_root, real, where
from gpubp.rules.families import Linear, full_like, like_result, result_dtype
from gpubp.rules.manipulation import broadcast_to_p, concat_p, flip_p, permute_dims, reshape_p

Axis = int | tuple[int, ...] | None


def reduced_shape(x: Any, axis: Shape, keepdims: bool = False) -> Shape:
    """Shape of a reduction over ``axis``."""
    if keepdims:
        return tuple(1 if i in axis else n for i, n in enumerate(x.shape))
    return tuple(n for i, n in enumerate(x.shape) if i not in axis)


def spread(y: Any, x: Any, axis: Shape) -> Any:
    """A result reduced over ``axis``, broadcast back to the shape of ``x``."""
    kept = reduced_shape(x, axis, keepdims=True)
    if tuple(y.shape) != kept:
        y = reshape_p(y, shape=kept)
    return broadcast_to_p(y, shape=tuple(x.shape))


def after_batch(axis: Shape) -> Shape:
    """Axes of an example as axes of the batched array."""
    return tuple(a + 1 for a in axis)


class _Sum(Linear):
    """Sums of short integers and booleans are of the backend's wide integers."""

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        (x,) = args
        dtype = result_dtype(self, args, params)
        return ShapeDtype(self.shape(x, **params), dtype, namespace_of(x))


sum_p = _Sum(
    "sum",
    transpose=lambda ct, x, axis, keepdims: spread(ct, x, axis),
    shape=reduced_shape,
    batch=lambda x, size, axis, keepdims: sum_p(x, axis=after_batch(axis), keepdims=keepdims),
)
cumulative_sum_p = _Sum(
    "cumulative_sum",
    transpose=lambda ct, x, axis: flip_p(
        cumulative_sum_p(flip_p(ct, axis=(axis,)), axis=axis), axis=(axis,)
    ),
    shape=lambda x, axis: x.shape,
    batch=lambda x, size, axis: cumulative_sum_p(x, axis=axis + 1),
)


class _Reduction(Primitive):
    """Reductions with a forward rule ``(t, y, x, axis)``, ``y`` with its axes kept."""

    def __init__(self, name: str, tangent: Callable[..., Any]) -> None:
        super().__init__(name)
        self.tangent = tangent

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        (x,) = args
        dtype = result_dtype(self, args, params)
        return ShapeDtype(reduced_shape(x, **params), dtype, namespace_of(x))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        (x,) = args
        axis = params["axis"]
        kept = reshape_p(y, shape=reduced_shape(x, axis, keepdims=True))
        return reshape_p(self.tangent(tangents[0], kept, x, axis), shape=tuple(y.shape))

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self(args[0], **{**params, "axis": after_batch(params["axis"])}), True


class _Extremum(_Reduction):
    """``max`` and ``min``; ties share the derivative equally."""

    def share(self, y: Any, x: Any, axis: Shape) -> Any:
        hit = where(x == y, full_like(x, 1, shape=()), 0.0)
        return hit / sum_p(hit, axis=axis, keepdims=True)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        (x,) = args
        axis = params["axis"]
        kept = reshape_p(y, shape=reduced_shape(x, axis, keepdims=True))
        return [reshape_p(ct, shape=tuple(kept.shape)) * self.share(kept, x, axis)]


def _extremum(name: str) -> _Extremum:
    primitive = _Extremum(
        name,
        lambda t, y, x, axis: sum_p(t * primitive.share(y, x, axis), axis=axis, keepdims=True),
    )
    return primitive


def _product_tangent(t: Any, y: Any, x: Any, axis: Shape) -> Any:
    """Tangent of a product, exact with zeros: pairs ``(x, t)`` multiplied as dual numbers."""
    rest = tuple(i for i in range(len(x.shape)) if i not in axis)
    length = math.prod(x.shape[a] for a in axis)
    shape = (length, *[x.shape[i] for i in rest])
    x = reshape_p(permute_dims(x, axis + rest), shape=shape)
    t = reshape_p(permute_dims(t, axis + rest), shape=shape)
    if length == 0:
        return full_like(y, 0)
    getitem = METHODS["getitem"]
    while length > 1:
        half = length // 2
        (x1, t1), (x2, t2) = [
            (getitem(x, part), getitem(t, part)) for part in (slice(half), slice(half, 2 * half))
        ]
        odd = slice(2 * half, length)
        product, tangent = x1 * x2, x1 * t2 + x2 * t1
        if length % 2:
            product = concat_p(product, getitem(x, odd), axis=0)
            tangent = concat_p(tangent, getitem(t, odd), axis=0)
        x, t, length = product, tangent, half + length % 2
    return reshape_p(t, shape=tuple(y.shape))


max_p = _extremum("max")
min_p = _extremum("min")
prod_p = _Reduction("prod", _product_tangent)


def largest(x: Any, axis: Shape, keepdims: bool) -> Any:
    """The maximum, and 0 where there is nothing, as suits sizes and shifts."""
    if not size_of(tuple(x.shape[a] for a in axis)):
        return full_like(x, 0, reduced_shape(x, axis, keepdims))
    return max_p(x, axis=axis, keepdims=keepdims)


class _CumulativeProduct(Primitive):
    """Exact with zeros: the forward rule scans pairs ``(x, t)`` as dual numbers (Hillis-Steele)."""

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        (x,) = args
        return ShapeDtype(x.shape, result_dtype(self, args, params), namespace_of(x))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        x, t, axis = args[0], tangents[0], params["axis"]
        before = (slice(None),) * axis
        getitem = METHODS["getitem"]
        shift = 1
        while shift < x.shape[axis]:
            head, low, high = (
                (*before, part) for part in (slice(shift), slice(-shift), slice(shift, None))
            )
            low_x, high_x = getitem(x, low), getitem(x, high)
            t = concat_p(
                getitem(t, head),
                low_x * getitem(t, high) + high_x * getitem(t, low),
                axis=axis,
            )
            x = concat_p(getitem(x, head), low_x * high_x, axis=axis)
            shift *= 2
        return like_result(t, y)

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self(args[0], axis=params["axis"] + 1), True


cumulative_prod_p = _CumulativeProduct("cumulative_prod")


def _to(x: Any, dtype: Any) -> Any:
    """``x`` in ``dtype``: before and after a sum, since those of small integers are wider."""
    return x if dtype is None else FUNCTIONS["astype"](x, dtype)


def _cumulative(
    primitive: Any, x: Any, axis: int | None, dtype: Any, include_initial: bool, initial: int
) -> Any:
    name = primitive.name
    if axis is None and len(x.shape) != 1:
        raise ArgumentError(f"{name}: axis is required for an array of {len(x.shape)} axes")
    axis = normalize_axis(0 if axis is None else axis, len(x.shape), name)
    y = _to(primitive(_to(x, dtype), axis=axis), dtype)
    if not include_initial:
        return y
    shape = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
    return concat_p(full_like(y, initial, shape=shape), y, axis=axis)


@function
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Products of the elements up to each position."""
    return _cumulative(cumulative_prod_p, x, axis, dtype, include_initial, 1)


@function
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Sums of the elements up to each position."""
    return _cumulative(cumulative_sum_p, x, axis, dtype, include_initial, 0)


@function
def max(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest element; ties share the derivative equally."""
    return max_p(x, axis=normalize_axes(axis, len(x.shape), "max"), keepdims=keepdims)


@function
def mean(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Arithmetic mean."""
    axes = normalize_axes(axis, len(x.shape), "mean")
    return sum_p(x, axis=axes, keepdims=keepdims) / _count(x, axes)


@function
def min(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest element; ties share the derivative equally."""
    return min_p(x, axis=normalize_axes(axis, len(x.shape), "min"), keepdims=keepdims)


@function
def prod(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Product of the elements; its derivative is exact with zeros among them."""
    axes = normalize_axes(axis, len(x.shape), "prod")
    return _to(prod_p(_to(x, dtype), axis=axes, keepdims=keepdims), dtype)


@function
def std(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Standard deviation; its derivative at zero variance is 0."""
    return norm_root(var(x, axis=axis, correction=correction, keepdims=keepdims))


@function
def sum(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Sum of the elements."""
    axes = normalize_axes(axis, len(x.shape), "sum")
    return _to(sum_p(_to(x, dtype), axis=axes, keepdims=keepdims), dtype)


@function
def var(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Variance, with divisor ``n - correction``."""
    axes = normalize_axes(axis, len(x.shape), "var")
    n = _count(x, axes)
    d = x - sum_p(x, axis=axes, keepdims=True) / n
    squares = real(d * conj(d)) if dtype_kind(x) == "c" else d * d
    return sum_p(squares, axis=axes, keepdims=keepdims) / (n - correction)


def _count(x: Any, axes: Shape) -> float:
    n = math.prod(x.shape[a] for a in axes)
    return float(n) if n else math.nan  # mean of nothing, as the libraries have it
