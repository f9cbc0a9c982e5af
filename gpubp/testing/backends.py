"""One function on every backend: the results must agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp.core import tree
from gpubp.core.backend import Backend, available_backends, backend_of, get_backend
from gpubp.core.namespace import is_array
from gpubp.errors import ArgumentError, LawError
from gpubp.testing.arguments import require_sequence


def check_backends(
    f: Callable[..., Any],
    args: Sequence[Any],
    backends: str | Sequence[str | Backend] = "all",
    *,
    rtol: float | None = None,
) -> dict[str, float]:
    """Call ``f`` with the same inputs on every backend and compare the results on the host.

    Args:
        f: function of ``args``; any tree of arrays may come in and go out. It may itself call
            transformations: hand in ``gpubp.grad(loss)`` to compare gradients.
        args: sequence of the arguments; every array in it, of whatever library, is carried over
            to each backend with its dtype. Other leaves are handed on.
        backends: ``"all"`` (those that ``gpubp.available_backends`` calls usable) or names as
            ``gpubp.get_backend`` takes them. The first is what the others are compared with;
            of all, that is NumPy's where there is one.
        rtol: tolerance, relative to each result's largest entry; by default 1e-9 for double
            precision and 1e-4 for single. Integer and boolean results must be equal.

    Returns:
        For each backend's name, the largest absolute difference of a result from the first's.

    Raises:
        LawError: (an AssertionError) names the backend, the result, and how they differ, or what
            ``f`` raised there.
        BackendUnavailableError: a backend named explicitly cannot run.
        ArgumentError: (a ValueError) if no backend is named.
        ArgumentTypeError: (a TypeError) if ``args`` is a single array, not a sequence of them.

    Examples:
        >>> import gpubp, numpy as np
        >>> def loss(x):
        ...     xp = x.__array_namespace__()
        ...     return xp.sum(xp.tanh(x) ** 2)
        >>> check_backends(gpubp.grad(loss), (np.asarray([0.5, 2.0]),), backends=["numpy"])
        {'numpy': 0.0}
    """
    require_sequence("check_backends", args)
    chosen = [get_backend(spec) for spec in _names(backends)]
    if not chosen:
        raise ArgumentError("check_backends: backends names none; give at least one, or 'all'")
    host = tree.map(_to_host, tuple(args))
    first, expected = chosen[0], _run(f, host, chosen[0])
    report = {}
    for backend in chosen:
        found = expected if backend is first else _run(f, host, backend)
        report[_label(backend)] = _compare(found, expected, backend, first, rtol)
    return report


def _names(backends: str | Sequence[str | Backend]) -> Sequence[str | Backend]:
    if backends != "all":
        return [backends] if isinstance(backends, str) else backends
    usable = [name for name, status in available_backends().items() if status.usable]
    return sorted(usable, key=lambda name: name != "numpy")  # the reference first


def _label(backend: Backend) -> str:
    return backend.name if backend.device is None else f"{backend.name}:{backend.device}"


def _to_host(x: Any) -> Any:
    return backend_of(x).to_numpy(x) if is_array(x) else x


def _run(f: Callable[..., Any], host: Any, backend: Backend) -> Any:
    """``f`` on this backend, its arguments and results carried from and to the host."""
    args = tree.map(lambda x: backend.asarray(x) if is_array(x) else x, host)
    try:
        return tree.map(_to_host, f(*args))
    except Exception as error:
        raise LawError(
            f"check_backends: on {_label(backend)}, f raised {type(error).__name__}: {error}"
        ) from error


def _compare(
    found: Any, expected: Any, backend: Backend, first: Backend, rtol: float | None
) -> float:
    def fail(problem: str) -> LawError:
        return LawError(
            f"check_backends: on {_label(backend)}, {problem}; {_label(first)} is the reference"
        )

    if tree.structure(found) != tree.structure(expected):
        raise fail(f"f returned {tree.structure(found)}, expected {tree.structure(expected)}")
    largest = 0.0
    for path, a, b in zip(
        tree.paths(expected), tree.leaves(found), tree.leaves(expected), strict=True
    ):
        if not is_array(b):
            if a != b:
                raise fail(f"result{path} is {a!r}, expected {b!r}")
            continue
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            raise fail(
                f"result{path} has shape {a.shape} and dtype {a.dtype}, "
                f"expected {b.shape} and {b.dtype}"
            )
        gap, tolerance = _gap(a, b, rtol)
        if not gap <= tolerance:
            raise fail(
                f"result{path} differs by {gap:.3g}, more than {tolerance:.3g}: "
                f"expected {b!r}, found {a!r}"
            )
        largest = max(largest, gap)
    return largest


def _gap(a: Any, b: Any, rtol: float | None) -> tuple[float, float]:
    """Largest difference of two arrays on the host, and how large it may be.

    Infinities and NaNs agree with their like in the same place.
    """
    if a.size == 0:
        return 0.0, 0.0
    xp = backend_of(b).xp
    if not xp.isdtype(b.dtype, ("real floating", "complex floating")):
        return float(xp.any(a != b)), 0.0
    same = (a == b) | (xp.isnan(a) & xp.isnan(b))
    gap = float(xp.max(xp.where(same, 0.0, xp.abs(a - b))))
    if rtol is None:
        rtol = 1e-9 if xp.finfo(b.dtype).eps < 1e-12 else 1e-4
    finite = xp.where(xp.isfinite(b), xp.abs(b), 0.0)
    return gap, rtol * (1.0 + float(xp.max(finite)))
