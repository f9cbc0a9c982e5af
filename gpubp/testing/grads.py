"""Derivatives of a function checked against differences and against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gpubp.core import array_namespace, tree
from gpubp.core.namespace import is_array, is_inexact
from gpubp.errors import ArgumentError, LawError
from gpubp.testing.arguments import require_sequence
from gpubp.testing.differences import derivative, direction, precision
from gpubp.transforms.arguments import default_array
from gpubp.transforms.jvp import jvp
from gpubp.transforms.vjp import vjp

Arrays = Sequence[Any]  # the inexact arrays under test; a tangent of None stands still


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    *,
    rtol: float | None = None,
    step: float | None = None,
) -> None:
    """Check the derivatives of ``f`` at ``args`` up to ``order``, in forward and reverse mode.

    Three laws are tried along fixed directions. The JVP equals the difference quotient. The VJP
    is the transpose of the JVP: ``Re(sum(ct * jvp(t))) == Re(sum(vjp(ct) * t))``, no conjugation
    (or, in reverse mode alone, of the difference quotient). And both, being functions of the same
    arguments, obey the same laws up to ``order - 1``.

    Args:
        f: function of ``args``; any tree of arrays may come in and go out. Inexact arrays are
            differentiated, Python floats among them as arrays of the default backend; integer
            and boolean arrays are passed on.
        args: sequence of the arguments, away from points where ``f`` has no derivative.
        order: highest order to check; 1 is the first derivative.
        modes: any of ``"fwd"`` and ``"rev"``.
        rtol: tolerance, relative to the largest entry; by default 1e-7 for double precision and
            1e-2 for single.
        step: length of the finite step; by default the fifth root of the precision.

    Raises:
        LawError: (an AssertionError) names the law, the order, the argument, and gives what was
            expected and found.
        ArgumentError: (a ValueError) for an unknown mode, or no inexact array in ``args``.
        ArgumentTypeError: (a TypeError) if ``args`` is a single array, not a sequence of them.

    Examples:
        >>> import numpy as np
        >>> check_grads(lambda x: x.__array_namespace__().sin(x), (np.asarray([0.3, -1.0]),))

        >>> import gpubp
        >>> @gpubp.custom_jvp
        ... def cube(x):
        ...     return x * x * x
        >>> @cube.defjvp
        ... def wrong(primals, tangents):
        ...     return cube(*primals), 2.0 * primals[0] * tangents[0]
        >>> check_grads(cube, (np.asarray(2.0),), modes=("fwd",))
        Traceback (most recent call last):
          ...
        gpubp.errors.LawError: check_grads: at order 1 of f, the JVP differs from the ...
    """
    require_sequence("check_grads", args)
    if not modes or set(modes) - {"fwd", "rev"}:
        raise ArgumentError(f"check_grads: modes must be some of 'fwd' and 'rev', given {modes!r}")
    leaves, treedef = tree.flatten(tuple(args))
    leaves = [default_array(x, leaves) if type(x) in (float, complex) else x for x in leaves]
    moving = [i for i, x in enumerate(leaves) if is_array(x)]
    if not any(is_inexact(leaves[i]) for i in moving):
        raise ArgumentError(
            "check_grads: args holds no real or complex floating-point array to differentiate by"
        )
    paths = [f"args{path}" for path in tree.paths(tuple(args))]
    eps = max(precision(leaves[i]) for i in moving if is_inexact(leaves[i]))

    def flat(*arrays: Any) -> tuple[Any, ...]:
        full = list(leaves)
        for i, x in zip(moving, arrays, strict=True):
            full[i] = x
        return _inexact(tree.leaves(f(*tree.unflatten(treedef, full))))

    check = _Check(
        modes=tuple(modes),
        paths=[paths[i] for i in moving],
        rtol=rtol if rtol is not None else (1e-7 if eps < 1e-12 else 1e-2),
        exact=1e4 * eps,
        step=step if step is not None else 1.5 * eps**0.2,
    )
    check(flat, [leaves[i] for i in moving], order, "f")


@dataclass(frozen=True)
class _Check:
    modes: tuple[str, ...]
    paths: list[str]
    rtol: float  # of the laws that involve differences
    exact: float  # of the dot-product law, which involves rounding only
    step: float

    def __call__(self, f: Callable[..., Arrays], xs: Arrays, order: int, name: str) -> None:
        """Try the laws on ``f``, called ``name`` in errors, then on its derivatives."""
        ts = [direction(x, i) if is_inexact(x) else None for i, x in enumerate(xs)]
        ys, pullback = vjp(f, *xs)
        cts = tuple(direction(y, 3 + i) for i, y in enumerate(ys))

        if "fwd" in self.modes:
            self._blame(self._forward, f, xs, ts, name)
        if "rev" in self.modes:
            found = pullback(cts)
            self._blame(self._transpose, f, xs, ts, name, found, cts)
        if order <= 1:
            return

        def forward(*xs: Any) -> Arrays:
            return _inexact(jvp(f, tuple(xs), tuple(ts))[1])

        def reverse(*xs: Any) -> Arrays:
            return _inexact(vjp(f, *xs)[1](cts))

        if "fwd" in self.modes:
            self(forward, xs, order - 1, f"jvp({name})")
        if "rev" in self.modes:
            self(reverse, xs, order - 1, f"vjp({name})")

    def _blame(
        self, law: Callable[..., str], f: Any, xs: Any, ts: Any, name: str, *more: Any
    ) -> None:
        """Try ``law`` along all arguments at once; if it fails, along each to say which."""
        message = law(f, xs, ts, *more)
        if not message:
            return
        culprits = []
        for i, t in enumerate(ts):
            alone = [s if j == i else s * 0.0 if s is not None else None for j, s in enumerate(ts)]
            if t is not None and (found := law(f, xs, alone, *more)):
                culprits.append(f"{self.paths[i]}: {found}")
        where = "; ".join(culprits) or f"all arguments together: {message}"
        order = 1 + name.count("(")
        raise LawError(f"check_grads: at order {order} of f, {law.__doc__} of {name} along {where}")

    def _forward(self, f: Any, xs: Any, ts: Any) -> str:
        """the JVP differs from the difference quotient"""
        ys, found = jvp(f, tuple(xs), tuple(ts))
        expected = derivative(lambda *xs: vjp(f, *xs)[0], xs, ts, self.step)
        for i, (y, a, b) in enumerate(zip(ys, found, expected, strict=True)):
            message = _differ(a, b, self.rtol * (1.0 + _largest(b) + _largest(y)))
            if message:
                return f"{message} in result {i}" if len(ys) > 1 else message
        return ""

    def _transpose(self, f: Any, xs: Any, ts: Any, found: Any, cts: Any) -> str:
        """the VJP is not the transpose"""
        if "fwd" in self.modes:
            pushed, rtol = jvp(f, tuple(xs), tuple(ts))[1], self.exact
        else:
            pushed, rtol = derivative(lambda *xs: vjp(f, *xs)[0], xs, ts, self.step), self.rtol
        expected, a = _pairing(cts, pushed)
        result, b = _pairing(found, ts)
        if abs(result - expected) <= rtol * (1.0 + a + b):
            return ""
        return f"expected sum(ct * jvp(t)) = {expected!r}, found sum(vjp(ct) * t) = {result!r}"


def _inexact(arrays: Any) -> tuple[Any, ...]:
    return tuple(x for x in arrays if x is not None and is_inexact(x))


def _largest(x: Any) -> float:
    xp = array_namespace(x)
    return float(xp.max(xp.abs(x))) if 0 not in x.shape else 0.0


def _differ(found: Any, expected: Any, tolerance: float) -> str:
    """How the two differ, or nothing. A NaN on one side differs from all."""
    if found.shape != expected.shape:
        return f"expected shape {expected.shape}, found {found.shape}"
    gap = _largest(found - expected)
    if gap <= tolerance:
        return ""
    return f"expected {expected!r}, found {found!r}, largest difference {gap:.3g} > {tolerance:.3g}"


def _pairing(us: Arrays, vs: Arrays) -> tuple[float, float]:
    """``Re(sum(u * v))`` over all pairs, and the sum of the terms' sizes."""
    total, size = 0.0, 0.0
    for u, v in zip(us, vs, strict=True):
        if u is None or v is None:
            continue
        xp = array_namespace(u)
        terms = u * v
        size += float(xp.sum(xp.abs(terms)))
        total += float(xp.sum(terms if is_real(terms) else xp.real(terms)))
    return total, size


def is_real(x: Any) -> bool:
    return bool(array_namespace(x).isdtype(x.dtype, "real floating"))
