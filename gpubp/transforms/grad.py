"""Gradients of real scalar functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.rules.families import full_like
from gpubp.transforms.arguments import (
    argument_numbers,
    name_of,
    require_callable,
    require_real_scalar,
    with_keywords,
)
from gpubp.transforms.recording import record


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Function returning ``f``'s value and its gradient together.

    Args:
        f: function of trees of arrays that returns a real scalar, shape ``()``.
        argnums: which positional arguments to differentiate with respect to.
        has_aux: whether ``f`` returns ``(value, aux)``; then the result is
            ``((value, aux), grads)``.

    Returns:
        A function of the same arguments. A gradient has the tree, shapes and dtypes of its
        argument; for a sequence ``argnums`` there is a tuple of them.

    Raises:
        DifferentiationError: if ``f`` returns no real scalar, or a leaf has no derivative.

    Examples:
        >>> import numpy as np
        >>> value_and_grad(lambda x: (x * x).sum())(np.asarray([1.0, 2.0]))
        (array(5.), array([2., 4.]))
    """

    require_callable(f, "value_and_grad")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        numbers = argument_numbers(argnums, len(args), "grad")
        function = with_keywords(f, kwargs)
        recording = record(function, args, numbers, has_aux, "grad")
        if not recording.outputs:
            raise errors.DifferentiationError(
                f"grad: {name_of(f)} must return one real scalar, got nothing; "
                "is its return missing?"
            )
        if len(recording.outputs) != 1:
            raise errors.DifferentiationError(
                f"grad: {name_of(f)} must return one real scalar, got the structure "
                f"{recording.out_tree}; return (value, aux) and say has_aux=True for more results"
            )
        seed = _seed(recording.outputs[0], f)
        value = recording.value()
        flat = recording.input_cotangents([seed], consume=True)
        if isinstance(argnums, int):
            grads = tree.unflatten(recording.specs[numbers[0]], flat)
        else:
            grads = tree.split(flat, [recording.specs[n] for n in numbers])
        return ((value, recording.aux) if has_aux else value), grads

    return _named(transformed, f, "value_and_grad")


def _seed(out: Any, f: Callable[..., Any]) -> Any:
    """The cotangent 1 of a scalar result; nothing for a Python number, which is constant."""
    if type(out) is float:
        return None
    require_real_scalar(
        out,
        f"grad: {name_of(f)} must return a real floating-point scalar",
        "sum it, or use jacobian or vjp",
    )
    return full_like(out, 1)


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Function returning the gradient of ``f``, which returns a real scalar.

    See :func:`value_and_grad`; with ``has_aux`` the result is ``(grads, aux)``.

    Examples:
        >>> import numpy as np
        >>> grad(lambda x: (x * x).sum())(np.asarray([1.0, 2.0]))
        array([2., 4.])
    """
    require_callable(f, "grad")
    both = value_and_grad(f, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return _named(transformed, f, "grad")


def _named(transformed: Callable[..., Any], f: Callable[..., Any], name: str) -> Callable[..., Any]:
    transformed.__name__ = f"{name}({name_of(f)})"
    transformed.__doc__ = f.__doc__
    return transformed
