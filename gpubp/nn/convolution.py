"""Convolution of sequences, images and volumes, and its derivatives of any order.

With the image ``x``, the weights ``w`` and the result ``y``, all there is to convolution is one
sum of products, over every channel ``c`` and ``o``, window ``p`` and element ``k`` of a window:

    T(x, w, y) = sum x[n, g, c, stride * p + dilation * k - padding] w[g, o, c, k] y[n, g, o, p]

Its derivative by one of the three is a function of the other two. By ``y`` that is the
convolution, by ``x`` the transposed one, by ``w`` the weights' gradient. All three are linear in
both arguments, and the derivatives of each are the other two: so three primitives of one class
are closed under differentiation. A batch of any two of them is a longer axis that they share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import Needed, Primitive, Tangents
from gpubp.core.shapes import Shape
from gpubp.errors import ArgumentError, ShapeError
from gpubp.nn.windows import (
    Padding,
    PerAxis,
    Windows,
    normalise_padding,
    per_axis,
    reaches,
    windows_over,
)
from gpubp.rules.elementwise import add, multiply
from gpubp.rules.families import like_argument, like_result, result_dtype, shape_only
from gpubp.rules.manipulation import permute_dims_p, reshape_p
from gpubp.typing import Array

# The axes before the spatial ones: batch, groups, channels in, channels out.
AXES = {"x": "ngc", "w": "goc", "y": "ngo"}


class Convolution(Primitive):
    """The derivative of T by ``result``, a function of the ``arguments``; letters as above."""

    def __init__(
        self, name: str, arguments: str, result: str, reference: Callable[..., Any]
    ) -> None:
        super().__init__(name, reference)
        self.arguments, self.result = arguments, result

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        windows: Windows = params["windows"]
        lengths = {
            letter: n
            for slot, a in zip(self.arguments, args, strict=True)
            for letter, n in zip(AXES[slot], a.shape[:3], strict=True)
        }
        spatial = {"x": windows.size, "w": windows.kernel, "y": windows.number}[self.result]
        shape = (*(lengths[letter] for letter in AXES[self.result]), *spatial)
        return ShapeDtype(shape, result_dtype(multiply, args, {}), namespace_of(args[0]))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        (a, b), (da, db) = args, tangents
        if da is None or db is None:
            t = self(a, db, **params) if da is None else self(da, b, **params)
        else:
            t = add(self(da, b, **params), self(a, db, **params))
        return like_result(t, y)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        found: list[Any] = []
        for slot, n, a in zip(self.arguments, needed, args, strict=True):
            if n is None:
                found.append(None)
                continue
            derivative = BY[slot]
            values = {**dict(zip(self.arguments, args, strict=True)), self.result: ct}
            g = derivative(*(values[letter] for letter in derivative.arguments), **params)
            found.append(like_argument(g, a))
        return found

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[list[Any], Any]:
        a, b = args
        return [
            shape_only(a) if needed[1] is None else a,
            shape_only(b) if needed[0] is None else b,
        ], shape_only(y)

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        axis = self._shared(batched)
        folded, length = [], 0
        for slot, a, b in zip(self.arguments, args, batched, strict=True):
            where = AXES[slot].find(axis)
            if b:
                length = a.shape[1 + where]
            folded.append(_fold(a, where) if b else a)
        y = self(*folded, **params)
        return _unfold(y, AXES[self.result].index(axis), size, length), True

    def _shared(self, batched: Sequence[bool]) -> str:
        """The axis that the batched arguments and the result have in common."""
        if all(batched):
            return "g"
        (slot,) = (s for s, b in zip(self.arguments, batched, strict=True) if b)
        (axis,) = (set(AXES[slot]) & set(AXES[self.result])) - {"g"}
        return axis


def _fold(x: Any, axis: int) -> Any:
    """Batched ``x`` with the batch as the outer part of an example's ``axis``."""
    size, *shape = x.shape
    order = (*range(1, axis + 1), 0, *range(axis + 1, len(x.shape)))
    moved = permute_dims_p(x, axes=order) if axis else x
    return reshape_p(moved, shape=(*shape[:axis], size * shape[axis], *shape[axis + 1 :]))


def _unfold(y: Any, axis: int, size: int, length: int) -> Any:
    """The batch taken out of ``axis`` again, which is left ``length``, and to the front."""
    shape = tuple(y.shape)
    split = reshape_p(y, shape=(*shape[:axis], size, length, *shape[axis + 1 :]))
    order = (axis, *range(axis), *range(axis + 1, len(shape) + 1))
    return permute_dims_p(split, axes=order) if axis else split


# The references: one matrix product for each element of a window.


def _by_y(xp: Any, x: Array, w: Array, windows: Windows) -> Array:
    x = _padded(xp, x, windows)
    total: Any = None
    for place, element in zip(windows.places(), windows.elements(), strict=True):
        term = xp.matmul(w[(..., *element)], _columns(xp, x[(..., *place)]))
        total = term if total is None else total + term
    return xp.reshape(total, (*total.shape[:3], *windows.number))


def _by_x(xp: Any, w: Array, y: Array, windows: Windows) -> Array:
    columns = _columns(xp, y)
    n, g = y.shape[:2]
    dtype = xp.result_type(w.dtype, y.dtype)
    x = xp.zeros((n, g, w.shape[2], *windows.padded), dtype=dtype, device=y.device)
    for place, element in zip(windows.places(), windows.elements(), strict=True):
        term = xp.matmul(xp.matrix_transpose(w[(..., *element)]), columns)
        x[(..., *place)] += xp.reshape(term, (*term.shape[:3], *windows.number))
    return x[(..., *windows.image)]


def _by_w(xp: Any, x: Array, y: Array, windows: Windows) -> Array:
    x = _padded(xp, x, windows)
    columns = _columns(xp, y)
    terms = [
        xp.sum(
            xp.matmul(columns, xp.matrix_transpose(_columns(xp, x[(..., *place)]))),
            axis=0,
            dtype=xp.result_type(x.dtype, y.dtype),
        )
        for place in windows.places()
    ]
    w = xp.stack(terms, axis=-1)
    return xp.reshape(w, (*w.shape[:3], *windows.kernel))


def _padded(xp: Any, x: Array, windows: Windows) -> Array:
    if windows.padded == windows.size:
        return x
    padded = xp.zeros((*x.shape[:3], *windows.padded), dtype=x.dtype, device=x.device)
    padded[(..., *windows.image)] = x
    return padded


def _columns(xp: Any, x: Array) -> Array:
    return xp.reshape(x, (*x.shape[:3], math.prod(x.shape[3:])))


BY = {
    "x": Convolution("convolution_input", "wy", "x", _by_x),
    "w": Convolution("convolution_weight", "xy", "w", _by_w),
    "y": Convolution("convolution", "xw", "y", _by_y),
}


def convolution(
    x: Array,
    weight: Array,
    *,
    stride: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    owner: str = "convolution",
) -> Array:
    """Cross-correlation of images with a bank of kernels: (..., C, *S) to (..., O, *P).

    ``weight`` is (O, C / groups, *K), and as many axes as K has are slid along. ``padding`` is
    zeros: "valid" (none), "same" (P = ceil(S / stride)), an int, or a tuple with an int or
    (before, after) for each axis. Without "same", P = (S + padding - dilation (K - 1) - 1) //
    stride + 1. Dumoulin and Visin, arXiv:1603.07285. Errors speak in ``owner``'s name.

    Raises :class:`~gpubp.errors.ArgumentError` for arguments that can't be, and
    :class:`~gpubp.errors.ShapeError` for an image of other channels or smaller than the kernel.

    >>> import numpy as np
    >>> x, weight = np.ones((10, 3, 28, 28)), np.ones((8, 3, 5, 5))
    >>> convolution(x, weight, stride=2, padding="same").shape
    (10, 8, 14, 14)
    """
    _check(owner, x, weight, groups, axis=1)
    out, per_group, *kernel = weight.shape
    rank = len(kernel)
    windows = windows_over(
        owner,
        tuple(x.shape[x.ndim - rank :]),
        tuple(kernel),
        per_axis(owner, "stride", stride, rank),
        per_axis(owner, "dilation", dilation, rank),
        normalise_padding(owner, padding, rank),
    )
    lead = tuple(x.shape[: x.ndim - rank - 1])
    y = BY["y"](
        reshape_p(x, shape=(math.prod(lead), groups, per_group, *windows.size)),
        reshape_p(weight, shape=(groups, out // groups, per_group, *kernel)),
        windows=windows,
    )
    return reshape_p(y, shape=(*lead, out, *windows.number))


def convolution_transpose(
    y: Array,
    weight: Array,
    *,
    stride: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    extra: PerAxis = 0,
    owner: str = "convolution_transpose",
) -> Array:
    """The transpose of the linear map ``convolution``: (..., O, *P) to (..., C, *S).

    ``weight`` is (O, C / groups, *K) as there. Of the sizes S that a convolution takes to P, the
    result has the smallest plus ``extra``: S = (P - 1) stride - padding + dilation (K - 1) + 1 +
    extra; with "same" it has P * stride. Raises as ``convolution`` does.

    >>> import numpy as np
    >>> y, weight = np.ones((10, 8, 14, 14)), np.ones((8, 3, 5, 5))
    >>> convolution_transpose(y, weight, stride=2, padding="same").shape
    (10, 3, 28, 28)
    """
    _check(owner, y, weight, groups, axis=0)
    out, per_group, *kernel = weight.shape
    rank = len(kernel)
    number = tuple(y.shape[y.ndim - rank :])
    strides = per_axis(owner, "stride", stride, rank)
    dilations = per_axis(owner, "dilation", dilation, rank)
    size = transposed_size(
        owner,
        number,
        tuple(kernel),
        strides,
        dilations,
        sides := normalise_padding(owner, padding, rank),
        per_axis(owner, "extra", extra, rank, least=0),
    )
    windows = windows_over(owner, size, tuple(kernel), strides, dilations, sides)
    lead = tuple(y.shape[: y.ndim - rank - 1])
    x = BY["x"](
        reshape_p(weight, shape=(groups, out // groups, per_group, *kernel)),
        reshape_p(y, shape=(math.prod(lead), groups, out // groups, *number)),
        windows=windows,
    )
    return reshape_p(x, shape=(*lead, groups * per_group, *size))


def transposed_size(
    owner: str,
    number: Shape,
    kernel: Shape,
    stride: Shape,
    dilation: Shape,
    padding: Any,
    extra: Shape,
) -> Shape:
    """The size of the image that a transposed convolution makes.

    >>> transposed_size("ConvTranspose1d", (4,), (3,), (2,), (1,), ((1, 1),), (1,))
    (8,)
    """
    if any(e and e >= s for e, s in zip(extra, stride, strict=True)):
        raise ArgumentError(
            f"{owner}: extra is {extra}; more than stride - 1 ({stride}) would add places that no "
            "window reaches."
        )
    if padding == "same":
        if any(extra):
            raise ArgumentError(
                f"{owner}: extra is {extra} beside padding 'same', which alone decides the size."
            )
        return tuple(p * s for p, s in zip(number, stride, strict=True))
    size = tuple(
        (p - 1) * s + r - a - b + e
        for p, s, r, (a, b), e in zip(
            number, stride, reaches(kernel, dilation), padding, extra, strict=True
        )
    )
    if any(n < 1 for n in size):
        raise ShapeError(
            f"{owner}: of {' x '.join(map(str, number))} windows, less the padding {padding}, no "
            "image is left."
        )
    return size


def _check(owner: str, x: Array, weight: Array, groups: int, axis: int) -> None:
    """Raise unless weight and image fit each other; the image's channels are weight's ``axis``."""
    rank = len(weight.shape) - 2
    if not 1 <= rank <= 3:
        raise ShapeError(
            f"{owner}: weight has shape {tuple(weight.shape)}; one to three axes of the image are "
            "needed after those of its channels, (O, C / groups, *K)."
        )
    if groups < 1 or weight.shape[0] % groups:
        raise ArgumentError(
            f"{owner}: groups is {groups}; it must divide the first axis of weight, which is "
            f"{tuple(weight.shape)}."
        )
    channels = weight.shape[axis] * (groups if axis else 1)
    if len(x.shape) <= rank or x.shape[-rank - 1] != channels:
        spatial = ", ".join("DHW"[3 - rank :])
        raise ShapeError(
            f"{owner}: x has shape {tuple(x.shape)}; (..., C, {spatial}) with C = {channels} is "
            f"needed (weight is {tuple(weight.shape)})."
        )
