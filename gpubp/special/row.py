"""What a row of this package is, and where its values come from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.core.abstract import SCALARS
from gpubp.core.array import Array
from gpubp.core.backend import Backend, backend_of
from gpubp.core.namespace import dtype_kind, lift, namespace_of
from gpubp.core.registry import FUNCTIONS, extension
from gpubp.core.trace import alike
from gpubp.rules.families import Elementwise, full_like, to_array


class Special(Elementwise):
    """An element-wise function of ``scipy.special``, by its name there.

    Its values are the library's own (``backend.special``), else the reference's, else those of
    the host's library, for which the arguments go to the host and the result comes back.
    """

    def __init__(self, name: str, *partials: Any, **kwargs: Any) -> None:
        super().__init__(f"special.{name}", *partials, **kwargs)
        self.__doc__ = f"``scipy.special.{name}``, element by element."

    def lower(self, backend: Backend) -> Callable[..., Any]:
        name = self.name.partition(".")[2]
        run = backend.kernels.get(self.name) or backend.special(name)
        if run is None and self.reference is not None:
            run = functools.partial(self.reference, backend.xp)
        if run is None:
            run = functools.partial(_on_host, name, backend)
        return run if len(self.partials) == 1 else functools.partial(_with_arrays, run)

    def times_partial(self, which: int, t: Any, values: Sequence[Any]) -> Any:
        # Python numbers as arrays: a partial applies functions to its arguments.
        if any(type(v) in SCALARS for v in values):
            values = [_number(v, t) if type(v) in SCALARS else v for v in values]
        return super().times_partial(which, t, values)


class ComplexToo(Special):
    """A row of which libraries have the real function only; ``of_complex`` is for the rest."""

    def __init__(self, name: str, *partials: Any, of_complex: Any, **kwargs: Any) -> None:
        super().__init__(name, *partials, **kwargs)
        self.of_complex = of_complex

    def __call__(self, *args: Any, **params: Any) -> Any:
        of_complex = dtype_kind(args[0]) == "c"
        return self.of_complex(*args) if of_complex else super().__call__(*args, **params)


def _number(value: Any, like: Any) -> Any:
    """A Python number as an array of the kind of ``like``."""
    array = full_like(like, value, ())
    return lift(array) if type(like) is Array else array


def _with_arrays(function: Callable[..., Any], *args: Any) -> Any:
    """``function`` of arrays alone: libraries promote Python numbers in it, or refuse them."""
    if any(type(a) in SCALARS for a in args):
        like = next(a for a in args if type(a) not in SCALARS)
        dtype = like.dtype if dtype_kind(like) in "fc" else namespace_of(like).backend.xp.float64
        args = tuple(full_like(like, a, (), dtype) if type(a) in SCALARS else a for a in args)
    return function(*args)


def _on_host(name: str, backend: Backend, *args: Any) -> Any:
    values = [backend.to_numpy(a) for a in args]
    host = backend_of(values[0])
    function = host.special(name)
    if function is None:
        raise errors.MissingPackageError(
            f"special.{name}: {backend.name} has no such function, and SciPy, which has, is not "
            "installed or too old: pip install -U scipy"
        )
    return backend.asarray(host.native(function(*values)), device=backend.device_of(args[0]))


def constant(name: str, argument: str) -> Callable[..., Any]:
    """The partial by an argument for which there is no formula: it raises."""

    def partial(t: Any) -> Any:
        raise errors.DifferentiationError(
            f"special.{name} at {errors.user_line()}: there is no derivative by {argument!r}; "
            f"differentiate by the other arguments, and give {argument} as a constant: "
            f"gpubp.stop_gradient({argument})"
        )

    return partial


def composite(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: enter ``f``, made of other functions, whose derivatives it has.

    What is entered takes raw arrays beside traced ones.
    """

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(type(a) is Array for a in args):
            args = tuple(alike(args))
        return f(*args, **kwargs)

    extension("special")(call)
    return f


def order(n: Any, x: Any) -> Any:
    """The whole number ``n`` among the real numbers of ``x``; constant to every derivative."""
    if type(n) in SCALARS:
        return n
    n = n if dtype_kind(n) == "i" else FUNCTIONS["floor"](n)
    return FUNCTIONS["astype"](n, to_array(x, n).dtype) if dtype_kind(x) == "f" else n


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Horner's scheme, the highest power first."""
    value = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        value = value * x + c
    return value
