"""Differentiate a solution by the equation it solves, not by the steps of its solver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import is_inexact
from gpubp.core.registry import FUNCTIONS, METHODS
from gpubp.core.shapes import size_of
from gpubp.core.stack import stack
from gpubp.transforms.arguments import constant, name_of, plain
from gpubp.transforms.calls import Function, Payloads, finish
from gpubp.transforms.custom import JVPCall
from gpubp.transforms.jacobian import jacfwd
from gpubp.transforms.jvp import jvp


def implicit_root(residual: Callable[..., Any], solver: Callable[..., Any]) -> Callable[..., Any]:
    """Function ``x(*args)`` that ``solver`` computes and ``residual(x, *args) == 0`` defines.

    The implicit function theorem gives its derivative from the residual's alone,
    ``dx = -(dF/dx)^-1 (dF/dargs) dargs``, so the solver may be any code: it gets native arrays, it
    may iterate, branch on values, or call SciPy. The system is solved as a dense one, of as many
    unknowns as ``x`` has elements.

    Args:
        residual: ``residual(x, *args)``, a tree like ``x``; differentiable, also twice for second
            derivatives.
        solver: ``solver(*args)`` returns ``x``, a tree of floating-point arrays.

    Returns:
        A function of ``args``, differentiable in both modes to any order. Under ``vmap`` the
        solver runs once on all examples where it can, else example by example.

    Raises:
        DifferentiationError: where ``residual`` closes over a traced array; pass it in ``args``.
        ArgumentError: where the residual's shape is not that of the solution.

    Examples:
        >>> import gpubp, numpy as np
        >>> def newton(a):
        ...     x = a
        ...     while abs(x * x - a) > 1e-12:
        ...         x = (x + a / x) / 2
        ...     return x
        >>> root = implicit_root(lambda x, a: x * x - a, newton)
        >>> value, slope = gpubp.value_and_grad(root)(np.asarray(4.0))
        >>> round(float(value), 6), round(float(slope), 6)
        (2.0, 0.25)
    """

    def solve(*args: Any) -> Any:
        function = Function(solver, args)

        def run(*payloads: Any) -> tuple[Any, ...]:
            if any(type(p) is ShapeDtype for p in payloads):
                raise errors.UnknownValueError(
                    f"implicit_root: {name_of(solver)} needs values, and is being recorded without"
                )
            leaves, function.out_tree = tree.flatten(solver(*function.arguments(payloads)))
            return tuple(plain(x) for x in leaves)

        def rule(*both: Any) -> tuple[Any, ...]:
            primals, tangents = both[:n], both[n:]
            x = call(*primals)
            assert function.out_tree is not None
            solution = tree.unflatten(function.out_tree, [constant(leaf) for leaf in x])
            known = [constant(p) for p in primals]
            _check_closure(residual, solution, function.arguments(known))
            inexact = [i for i, p in enumerate(known) if is_inexact(p)]

            def of_arguments(*inputs: Any) -> Any:
                full = list(known)
                for i, value in zip(inexact, inputs, strict=True):
                    full[i] = value
                return _vector(residual(solution, *function.arguments(full)))

            _, change = jvp(
                of_arguments,
                [known[i] for i in inexact],
                [constant(tangents[i]) for i in inexact],
            )
            dx = _solve(lambda y: residual(y, *function.arguments(known)), solution, change)
            return (*x, *[plain(t) for t in dx])

        n = len(function.arrays)
        call = _ImplicitRoot(run, rule)
        return finish(function, call(*function.arrays))

    solve.__name__ = f"implicit_root({name_of(solver)})"
    solve.__doc__ = solver.__doc__
    return solve


class _ImplicitRoot(JVPCall):
    def batch_call(self, batched: Sequence[bool], size: int, args: Payloads) -> Payloads:
        try:
            return super().batch_call(batched, size, args)
        except (errors.UnknownValueError, errors.ConversionError):
            pass  # the solver asks for values: one example at a time
        getitem = METHODS["getitem"]
        rows = [
            self(*[getitem(a, i) if b else a for a, b in zip(args, batched, strict=True)])
            for i in range(size)
        ]
        return [FUNCTIONS["stack"](column) for column in zip(*rows, strict=True)]


def _vector(x: Any) -> Any:
    """The elements of a tree as one vector."""
    return FUNCTIONS["concat"]([FUNCTIONS["reshape"](leaf, (-1,)) for leaf in tree.leaves(x)])


def _solve(f: Callable[..., Any], x: Any, change: Any) -> list[Any]:
    """Leaves of ``-(df/dx)^-1 change``."""
    leaves, treedef = tree.flatten(x)
    sizes = [size_of(leaf.shape) for leaf in leaves]

    def parts(vector: Any) -> list[Any]:
        starts = [0, *accumulate(sizes)]
        return [
            FUNCTIONS["reshape"](METHODS["getitem"](vector, slice(a, b)), tuple(leaf.shape))
            for a, b, leaf in zip(starts, starts[1:], leaves, strict=False)
        ]

    def of_vector(vector: Any) -> Any:
        return _vector(f(tree.unflatten(treedef, parts(vector))))

    matrix = jacfwd(of_vector)(_vector(x))
    if matrix.shape[0] != matrix.shape[1]:
        raise errors.ArgumentError(
            f"implicit_root: residual returns {matrix.shape[0]} numbers for {matrix.shape[1]} "
            "unknowns; it must return a tree shaped like x"
        )
    return parts(-FUNCTIONS["linalg.solve"](matrix, change))


def _check_closure(residual: Callable[..., Any], x: Any, args: Any) -> None:
    """Raise where a derivative would be lost in silence."""
    if not stack.traces:
        return
    function = Function(residual, (x, *args))
    function.close()
    if function.captured:
        raise errors.DifferentiationError(
            f"implicit_root: {name_of(residual)} closes over a traced array of shape "
            f"{function.captured[0].shape}; pass it among the arguments"
        )
