"""The `fft` extension, in the standard's order."""

from collections.abc import Callable
from typing import Any

from gpubp.testing.cases.draw import reals
from gpubp.testing.cases.row import Row, case, row

REAL: dict[str, Any] = {}
COMPLEX: dict[str, Any] = {"real": False, "complex": True}
CAST: dict[str, Any] = {"lacking": ("strict", "strict-device1")}  # more than the standard asks for


def by(name: str, **kwargs: Any) -> Callable[..., Any]:
    return lambda xp, x: getattr(xp.fft, name)(x, **kwargs)


def one_axis(name: str, kind: dict[str, Any]) -> Row:
    """A transform along one axis, of arrays of the kind that the standard has for it."""
    cases = [
        case("vector", by(name), reals(4), **kind),
        case("odd vector", by(name), reals(3), **kind),
        case("axis", by(name, axis=0), reals(3, 2), **kind),
        case("cut", by(name, n=3), reals(2, 4), **kind),
        case("padded", by(name, n=9, axis=0), reals(3, 2), **kind),
        case("ortho, odd", by(name, norm="ortho", n=5), reals(4), **kind),
        case("ortho, even", by(name, norm="ortho", n=4), reals(3), **kind),
        case("forward, odd", by(name, norm="forward", n=5), reals(4), **kind),
        case("forward, even", by(name, norm="forward", n=4), reals(3), **kind),
    ]
    if kind is COMPLEX:
        cases.append(case("of reals", by(name), reals(3), **CAST))
    return row(f"fft.{name}", *cases)


def axes(name: str, kind: dict[str, Any]) -> Row:
    """A transform along several axes."""
    cases = [
        case("all axes", by(name), reals(2, 3), **kind),
        case("axes", by(name, axes=(2, 0)), reals(3, 2, 4), **kind),
        case("one axis", by(name, axes=(0,)), reals(4, 2), **kind),
        case("lengths", by(name, s=(4, 3), axes=(0, 1)), reals(3, 2), **kind),
        case("ortho", by(name, norm="ortho"), reals(2, 3), **kind),
        case("forward", by(name, norm="forward", axes=(0, 1)), reals(3, 2, 2), **kind),
    ]
    if kind is COMPLEX:
        cases.append(case("of reals", by(name), reals(2, 3), **CAST))
    return row(f"fft.{name}", *cases)


def frequencies(name: str, length: int, **kwargs: Any) -> Callable[..., Any]:
    """A function that takes no array, multiplied by one."""

    def call(xp: Any, x: Any) -> Any:
        return getattr(xp.fft, name)(length, **kwargs, dtype=x.dtype, device=x.device) * x

    return call


ROWS = [
    one_axis("fft", COMPLEX),
    one_axis("ifft", COMPLEX),
    axes("fftn", COMPLEX),
    axes("ifftn", COMPLEX),
    one_axis("rfft", REAL),
    one_axis("irfft", COMPLEX),
    axes("rfftn", REAL),
    axes("irfftn", COMPLEX),
    one_axis("hfft", COMPLEX),
    one_axis("ihfft", REAL),
    row(
        "fft.fftfreq",
        case("even", frequencies("fftfreq", 4), reals(4)),
        case("odd, spaced", frequencies("fftfreq", 3, d=0.5), reals(3)),
        numpy_function=False,
        filled=("cupy",),  # whose own takes no device
    ),
    row(
        "fft.rfftfreq",
        case("even", frequencies("rfftfreq", 4), reals(3)),
        case("odd, spaced", frequencies("rfftfreq", 5, d=0.5), reals(3)),
        numpy_function=False,
        filled=("cupy",),  # whose own takes no device
    ),
    row(
        "fft.fftshift",
        case("all axes", by("fftshift"), reals(3, 4)),
        case("axis", by("fftshift", axes=-1), reals(2, 3)),
        complex=True,
    ),
    row(
        "fft.ifftshift",
        case("all axes", by("ifftshift"), reals(3, 4)),
        case("axes", by("ifftshift", axes=(0, 2)), reals(3, 2, 3)),
        complex=True,
    ),
]
