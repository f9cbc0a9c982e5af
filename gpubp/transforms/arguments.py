"""What every transformation does with its arguments and results: trees in, trees out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.core.abstract import SCALARS, ShapeDtype
from gpubp.core.array import Array
from gpubp.core.backend import backend_of, get_backend
from gpubp.core.namespace import dtype_kind, is_array, is_inexact, namespace_of
from gpubp.core.trace import EVALUATION, depth, guarded


def name_of(f: Any) -> str:
    """How to call a user's function in an error."""
    return getattr(f, "__name__", type(f).__name__)


def require_callable(f: Any, name: str) -> None:
    """Raise unless ``f`` is a function: now, not when the result is called."""
    if not callable(f):
        raise errors.ArgumentTypeError(
            f"{name}: f must be a function, got {type(f).__name__}; pass the function itself, "
            "and its arguments to the result"
        )


def flatten_call(args: Sequence[Any]) -> tuple[list[Any], tree.TreeDef]:
    """Leaves of the arguments as payloads."""
    leaves, treedef = tree.flatten(tuple(args))
    return [payload(leaf) for leaf in leaves], treedef


def payload(x: Any) -> Any:
    """A leaf of the arguments as a trace takes it: constants of an enclosing one as raw arrays."""
    x = plain(x)
    return guarded(x) if is_array(x) else x  # asked first: it wakes the plug-in that would guard


def plain(x: Any) -> Any:
    """``x``, and what it holds if it is a traced constant."""
    return x._value if type(x) is Array and x._trace is EVALUATION else x


def constant(x: Any) -> Any:
    """An array leaf as the user's function shall see it where nothing is differentiated."""
    if type(x) is Array or not (is_array(x) or type(x) is ShapeDtype):
        return x
    return Array(x, EVALUATION, None)


def with_keywords(f: Callable[..., Any], kwargs: dict[str, Any]) -> Callable[..., Any]:
    """``f`` of its positional arguments; arrays among the others are constants."""
    return (lambda *args: f(*args, **tree.map(constant, kwargs))) if kwargs else f


def export(x: Any) -> Any:
    """A payload on its way out: native at the top, traced inside another transformation."""
    x = plain(x)
    if type(x) is ShapeDtype:
        return Array(x, EVALUATION, None)
    if type(x) is Array or not is_array(x):
        return x
    x = backend_of(x).native(x)
    return Array(x, EVALUATION, None) if depth() else x


def default_array(x: Any, others: Sequence[Any]) -> Any:
    """A Python number as an array: of the backend of the other arguments, else of the default."""
    for other in others:
        if is_array(other):
            namespace = namespace_of(other)
            return namespace.backend.asarray(x, device=namespace.device)
    return get_backend().asarray(x)


def argument_numbers(argnums: int | Sequence[int], count: int, name: str) -> tuple[int, ...]:
    """``argnums`` counted from the front.

    Raises:
        ArgumentError: if there is no such argument.
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in numbers:
        if not -count <= n < count:
            raise errors.ArgumentError(
                f"{name}: argnums={argnums} but the function was called with {count} positional "
                "arguments; pass the ones to differentiate by position"
            )
    return tuple(n % count for n in numbers)


def require_real_scalar(out: Any, what: str, remedy: str) -> None:
    """Raise unless ``out``, which ``what`` says of whom, is a real floating-point scalar."""
    if is_array(out) and tuple(out.shape) == () and dtype_kind(out) == "f":
        return
    found = type(out).__name__
    if is_array(out):
        found = f"shape {tuple(out.shape)} and dtype {out.dtype}"
    raise errors.DifferentiationError(f"{what} of shape (), got {found}; {remedy}")


def require_inexact(value: Any, path: str, name: str) -> None:
    """Raise unless ``value`` is an array, or a Python number, of real or complex floats."""
    if type(value) in (float, complex) or (is_array(value) and is_inexact(value)):
        return
    what = f"dtype {value.dtype}" if is_array(value) else f"type {type(value).__name__}"
    if is_array(value) or type(value) in SCALARS:
        remedy = "cast it to a floating-point dtype, or leave it out of argnums"
    elif dataclasses.is_dataclass(value):
        remedy = "make the dataclass a tree with gpubp.tree.register"
    else:
        remedy = "leave it out of argnums, or out of the tree"
    raise errors.DifferentiationError(
        f"{name}: argument {path} has {what}, of which there is no derivative; {remedy}"
    )
