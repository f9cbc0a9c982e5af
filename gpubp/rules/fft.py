"""The standard's ``fft`` extension, in its order.

Four linear primitives, of which the rest is composed: the complex transforms over any axes, whose
matrices are symmetric, and the two between a real axis and half of a complex one. Transposes are
those under the pairing ``Re(sum(ct * t))``, without conjugation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import Namespace, dtype_kind, namespace_of
from gpubp.core.registry import CREATION, FUNCTIONS, extension
from gpubp.core.shapes import Shape, normalize_axes, normalize_axis
from gpubp.rules.elementwise import conj, divide, multiply
from gpubp.rules.families import Linear, full_like, result_dtype
from gpubp.rules.indexing import getitem
from gpubp.rules.manipulation import concat_p, roll
from gpubp.rules.statistical import after_batch

fft_extension = extension("fft")

# The scale of each convention, as that of the transform in the other direction.
_REVERSED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _complex_transform(name: str) -> Linear:
    primitive = Linear(
        name,
        transpose=lambda ct, x, axes, norm: primitive(ct, axes=axes, norm=norm),
        shape=lambda x, axes, norm: x.shape,
        batch=lambda x, size, axes, norm: primitive(x, axes=after_batch(axes), norm=norm),
    )
    return primitive


class _Half(Linear):
    """Between real arrays and the non-negative frequencies of their transforms, along one axis."""

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        (x,) = args
        shape = self.shape(x, **params)
        return ShapeDtype(shape, result_dtype(self, args, params), namespace_of(x))


def _with_length(x: Any, axis: int, n: int) -> Shape:
    return tuple(n if i == axis else length for i, length in enumerate(x.shape))


def _weights(x: Any, axis: int, n: int) -> Any:
    """How often each frequency of ``x`` occurs in the whole transform of length ``n``."""
    namespace = namespace_of(x)
    xp = namespace.backend.xp
    with namespace.backend.on(namespace.device):  # these are raw arrays: no primitive sees to it
        k = xp.arange(n // 2 + 1, device=namespace.device)
        once = (k == 0) | (2 * k == n)
        return xp.reshape(
            xp.where(once, full_like(x, 1, ()), full_like(x, 2, ())),
            tuple(n // 2 + 1 if i == axis else 1 for i in range(len(x.shape))),
        )


def _rfft_transpose(ct: Any, x: Any, axis: int, norm: str) -> Any:
    n = x.shape[axis]
    parts = divide(conj(ct), _weights(ct, axis, n))
    return irfft_p(parts, n=n, axis=axis, norm=_REVERSED[norm])


def _irfft_transpose(ct: Any, x: Any, n: int, axis: int, norm: str) -> Any:
    half = conj(rfft_p(ct, axis=axis, norm=_REVERSED[norm]))
    return multiply(half, _weights(half, axis, n))


fftn_p = _complex_transform("fft.fftn")
ifftn_p = _complex_transform("fft.ifftn")
rfft_p = _Half(
    "fft.rfft",
    transpose=_rfft_transpose,
    shape=lambda x, axis, norm: _with_length(x, axis, x.shape[axis] // 2 + 1),
    batch=lambda x, size, axis, norm: rfft_p(x, axis=axis + 1, norm=norm),
)
irfft_p = _Half(
    "fft.irfft",
    transpose=_irfft_transpose,
    shape=lambda x, n, axis, norm: _with_length(x, axis, n),
    batch=lambda x, size, n, axis, norm: irfft_p(x, n=n, axis=axis + 1, norm=norm),
)


def _resized(x: Any, axis: int, n: int, name: str) -> Any:
    """``x`` cut or padded with zeros at the end of an axis."""
    length = x.shape[axis]
    if n < 1:
        raise errors.ArgumentError(
            f"fft.{name}: {n} elements along axis {axis}; there must be at least one"
        )
    if n < length:
        return getitem(x, (*(slice(None),) * axis, slice(n)))
    if n > length:
        return concat_p(x, full_like(x, 0, _with_length(x, axis, n - length)), axis=axis)
    return x


def _norm(norm: str | None, name: str) -> str:
    norm = "backward" if norm is None else norm
    if norm not in _REVERSED:
        raise errors.ArgumentError(
            f"fft.{name}: norm={norm!r}; use 'backward', 'ortho' or 'forward'"
        )
    return norm


def _complex(x: Any) -> Any:
    if dtype_kind(x) == "c":
        return x
    xp = namespace_of(x).backend.xp
    return FUNCTIONS["astype"](x, xp.result_type(x.dtype, xp.complex64))


def _axes(
    x: Any, s: Sequence[int] | None, axes: Sequence[int] | None, name: str
) -> tuple[Shape, Shape]:
    """The axes to transform and the lengths asked for; -1 leaves a length as it is."""
    ndim = len(x.shape)
    if axes is None and s is not None:
        axes = range(ndim - len(s), ndim)
    found = normalize_axes(axes, ndim, f"fft.{name}")
    if s is None:
        return found, (-1,) * len(found)
    if len(s) != len(found):
        raise errors.ArgumentError(f"fft.{name}: s={s} and axes={axes} differ in length")
    return found, tuple(s)


def _of_complex(name: str, primitive: Linear) -> None:
    """``fft`` and ``ifft``, and their forms over several axes."""

    def over_axes(
        x: Any,
        /,
        *,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: str = "backward",
    ) -> Any:
        found, lengths = _axes(x, s, axes, f"{name}n")
        for axis, n in zip(found, lengths, strict=True):
            x = _resized(x, axis, x.shape[axis] if n == -1 else n, f"{name}n")
        return primitive(_complex(x), axes=found, norm=_norm(norm, f"{name}n"))

    def over_axis(
        x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
    ) -> Any:
        axis = normalize_axis(axis, len(x.shape), f"fft.{name}")
        x = _resized(x, axis, x.shape[axis] if n is None else n, name)
        return primitive(_complex(x), axes=(axis,), norm=_norm(norm, name))

    inverse = "Inverse discrete" if name == "ifft" else "Discrete"
    over_axis.__name__, over_axes.__name__ = name, f"{name}n"
    over_axis.__doc__ = f"{inverse} Fourier transform along an axis, cut or padded to length n."
    over_axes.__doc__ = f"{inverse} Fourier transform along axes, cut or padded to lengths s."
    fft_extension(over_axis)
    fft_extension(over_axes)


_of_complex("fft", fftn_p)
_of_complex("ifft", ifftn_p)


@fft_extension
def rfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The non-negative frequencies of the transform of a real array along an axis."""
    axis = normalize_axis(axis, len(x.shape), "fft.rfft")
    x = _resized(x, axis, x.shape[axis] if n is None else n, "rfft")
    return rfft_p(x, axis=axis, norm=_norm(norm, "rfft"))


@fft_extension
def irfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The real array of length ``n`` (even, unless given) that :func:`rfft` turns into ``x``.

    Imaginary parts at frequency 0, and at ``n / 2``, are ignored.
    """
    axis = normalize_axis(axis, len(x.shape), "fft.irfft")
    n = 2 * (x.shape[axis] - 1) if n is None else n
    x = _resized(x, axis, n // 2 + 1 if n > 0 else 0, "irfft")
    return irfft_p(_complex(x), n=n, axis=axis, norm=_norm(norm, "irfft"))


@fft_extension
def rfftn(
    x: Any,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Any:
    """:func:`rfft` along the last of ``axes``, then the complex transform along the others."""
    found, lengths = _axes(x, s, axes, "rfftn")
    for axis, n in zip(found, lengths, strict=True):
        x = _resized(x, axis, x.shape[axis] if n == -1 else n, "rfftn")
    half = rfft_p(x, axis=found[-1], norm=_norm(norm, "rfftn"))
    return fftn_p(half, axes=found[:-1], norm=_norm(norm, "rfftn")) if found[1:] else half


@fft_extension
def irfftn(
    x: Any,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Any:
    """The complex inverse along all but the last of ``axes``, then :func:`irfft` along that."""
    found, lengths = _axes(x, s, axes, "irfftn")
    for axis, n in zip(found[:-1], lengths, strict=False):
        x = _resized(x, axis, x.shape[axis] if n == -1 else n, "irfftn")
    if found[1:]:
        x = ifftn_p(_complex(x), axes=found[:-1], norm=_norm(norm, "irfftn"))
    return irfft(x, n=None if lengths[-1] == -1 else lengths[-1], axis=found[-1], norm=norm)


@fft_extension
def hfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """Real transform of an array of which ``x`` is the first half, the other its mirror image."""
    return irfft(conj(_complex(x)), n=n, axis=axis, norm=_REVERSED[_norm(norm, "hfft")])


@fft_extension
def ihfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of :func:`hfft`."""
    return conj(rfft(x, n=n, axis=axis, norm=_REVERSED[_norm(norm, "ihfft")]))


def _frequencies(name: str, spans: Callable[[int], list[tuple[int, int]]]) -> None:
    """``fftfreq`` and ``rfftfreq``: multiples of ``1 / (n * d)`` in these half-open spans."""

    def frequencies(
        namespace: Namespace, n: int, /, *, d: Any = 1.0, dtype: Any = None, device: Any = None
    ) -> Any:
        xp, device = namespace.backend.xp, namespace.device if device is None else device
        parts = [
            xp.arange(float(i), float(j), dtype=dtype, device=device) for i, j in spans(n) if i < j
        ]
        return divide(concat_p(*parts, axis=0), n * d)

    frequencies.__name__ = name
    frequencies.__doc__ = f"Frequencies of the result of ``{name[:-4]}`` for samples ``d`` apart."
    extension("fft", CREATION)(frequencies)


_frequencies("fftfreq", lambda n: [(0, (n + 1) // 2), (-(n // 2), 0)])
_frequencies("rfftfreq", lambda n: [(0, n // 2 + 1)])


def _shift(name: str, distance: Callable[[int], int]) -> None:
    def shift(x: Any, /, *, axes: int | Sequence[int] | None = None) -> Any:
        found = normalize_axes(axes, len(x.shape), f"fft.{name}")
        return roll(x, tuple(distance(x.shape[a]) for a in found), axis=found)

    shift.__name__ = name
    shift.__doc__ = "Frequency 0 to the middle." if name == "fftshift" else "And back."
    fft_extension(shift)


_shift("fftshift", lambda n: n // 2)
_shift("ifftshift", lambda n: -(n // 2))
