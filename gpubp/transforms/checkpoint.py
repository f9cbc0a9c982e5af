"""Recompute instead of store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp.core.primitive import Primitive
from gpubp.core.stack import second_run
from gpubp.transforms.arguments import with_keywords
from gpubp.transforms.calls import (
    Call,
    Function,
    Payloads,
    finish,
    run_batch,
    run_jvp,
    run_linearize,
)
from gpubp.transforms.jvp import zeros_like


class Checkpoint(Call):
    """The call itself is what the tape keeps; going back, it runs again, on a tape of its own."""

    def jvp_call(self, primals: Payloads, tangents: Payloads) -> tuple[Payloads, Payloads]:
        n = len(primals)
        where = [i for i, t in enumerate(tangents) if t is not None]

        def run(*both: Any) -> tuple[Any, ...]:
            full: list[Any] = [None] * n
            for i, t in zip(where, both[n:], strict=True):
                full[i] = t
            ys, ts = run_jvp(self.run, both[:n], full)
            return (*ys, *[zeros_like(y) if t is None else t for y, t in zip(ys, ts, strict=True)])

        found = Checkpoint(run)(*primals, *[tangents[i] for i in where])
        return found[: len(found) // 2], found[len(found) // 2 :]

    def vjp_call(self, primals: Payloads, active: Sequence[bool]) -> tuple[Payloads, Primitive]:
        return self(*primals), _Recomputed(self.run, active)

    def batch_call(self, batched: Sequence[bool], size: int, args: Payloads) -> Payloads:
        return Checkpoint(lambda *a: tuple(run_batch(self.run, batched, size, a)))(*args)


class _Recomputed(Primitive):
    multiple_results = True

    def __init__(self, run: Callable[..., Any], active: Sequence[bool]) -> None:
        self.name = "checkpoint"
        self.run = run
        self.active = active

    def vjp(self, needed: Any, ct: Any, y: Any, args: Any, params: Any) -> list[Any]:
        with second_run():
            _, tape = run_linearize(self.run, args, self.active)
        return tape.vjp(needed, ct, y, args, params)

    def jvp(self, tangents: Any, y: Any, args: Any, params: Any) -> list[Any]:
        return run_jvp(self.run, args, tangents)[1]


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` computed again on the way back instead of keeping its intermediate values.

    Args:
        f: function of trees of arrays; what it closes over is differentiated too.

    Returns:
        A function with the same values and derivatives; reverse mode keeps only its arguments.

    Examples:
        >>> import gpubp, numpy as np
        >>> gpubp.grad(checkpoint(lambda x: (x**3).sum()))(np.asarray([1.0, 2.0]))
        array([ 3., 12.])
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        function = Function(with_keywords(f, kwargs), args)
        function.close()
        results = Checkpoint(function.run)(*function.arrays, *function.captured)
        return finish(function, results)

    transformed.__name__ = f"checkpoint({getattr(f, '__name__', type(f).__name__)})"
    transformed.__doc__ = f.__doc__
    return transformed
