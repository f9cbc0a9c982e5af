"""Primitives: the operations that have derivative, shape and batching rules of their own.

A primitive is callable on *payloads*: raw arrays of one backend, traced arrays, arrays without
values (:class:`ShapeDtype`) and Python scalars, mixed. Whoever writes a rule composes primitives;
the call finds out what is to be done:

- a :class:`ShapeDtype` among the arguments: the shape rule answers;
- else a traced array: the innermost trace processes the call;
- else the backend computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar

from gpubp.core.abstract import SCALARS, ShapeDtype
from gpubp.core.array import Array
from gpubp.core.backend import Backend, backend_of
from gpubp.core.stack import stack
from gpubp.errors import ArgumentTypeError, user_line

PRIMITIVES: dict[str, Primitive] = {}

# By type of raw array: what each primitive runs. Filled at first use.
_IMPLEMENTATIONS: dict[type, dict[Primitive, Callable[..., Any]]] = {}

Tangents = Sequence[Any]  # one per argument; None is a zero
Needed = Sequence[Any]  # one per argument; None where no cotangent is asked for


class Primitive:
    """One operation; families of operations are subclasses that share rules.

    Args:
        name: its name in the standard, or the library's own.
        reference: ``reference(xp, *args, **params)``, the operation in plain Array API code for
            names that the standard lacks or spells otherwise.

    Attributes:
        differentiable: false for piecewise-constant and non-numeric operations.
        multiple_results: whether a call returns a tuple of arrays.
        composite: whether a recording for ``compile`` shall hold the operations that
            :meth:`decompose` is made of in place of this one: the compiler fuses them itself.
    """

    differentiable: bool = True
    multiple_results: ClassVar[bool] = False
    composite: ClassVar[bool] = False
    # Forward rule `(tangents, y, args, params)`: the result's tangent, linear in the arguments'.
    # Without it a composite primitive is differentiated through what it is made of.
    jvp: Callable[..., Any] | None = None
    # Reverse rule `(needed, ct, y, args, params)`: the arguments' cotangents. Without it the
    # primitive is transposed from its `jvp` (see transforms/tape.py).
    vjp: Callable[..., list[Any]] | None = None

    def __init__(self, name: str, reference: Callable[..., Any] | None = None) -> None:
        if name in PRIMITIVES:
            raise ValueError(f"Primitive: the name {name!r} is taken; pick another")
        self.name = name
        self.reference = reference
        PRIMITIVES[name] = self

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __call__(self, *args: Any, **params: Any) -> Any:
        top = None
        abstract = False
        for a in args:
            kind = type(a)
            if kind is Array:
                trace = a._trace
                if top is None or trace.level > top.level:
                    top = trace
            elif kind is ShapeDtype:
                abstract = True
        if abstract:
            return self.abstract(*args, **params)
        if top is not None:
            closed = stack.closed
            if closed is not None and closed.level > top.level:
                top = closed
            return top.process(self, args, params)
        for a in args:
            kind = type(a)
            if kind not in SCALARS:  # the first array decides
                table = _IMPLEMENTATIONS.get(kind)
                run = (table and table.get(self)) or implementation(self, args)
                break
        else:
            run = implementation(self, args)
        try:
            return run(*args, **params)
        except Exception as error:
            _explain(self, args, error)
            raise

    def lower(self, backend: Backend) -> Callable[..., Any]:
        """What ``backend`` runs for this primitive."""
        kernel = backend.kernels.get(self.name)
        if kernel is not None:
            return kernel
        if self.reference is not None:
            return partial(self.reference, backend.xp)
        return attrgetter(self.name)(backend.xp)  # "linalg.inv" too

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[Sequence[Any], Any]:
        """Arguments and result as a tape keeps them: shapes in the place of values never used."""
        return args, y

    def decompose(self, *args: Any, **params: Any) -> Any:
        """The same result made of other primitives, on payloads; for ``composite`` ones."""
        raise NotImplementedError(f"{self.name} is not composite")

    # The rules. Arguments are payloads; `y` is the result that the call gave.

    def abstract(self, *args: Any, **params: Any) -> Any:
        """Shape rule: the result as :class:`ShapeDtype`."""
        raise NotImplementedError(f"{self.name} has no shape rule")

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        """vmap rule: batched arguments carry the batch as axis 0; so must a batched result."""
        raise NotImplementedError(f"{self.name} has no vmap rule")


def _explain(primitive: Primitive, args: Sequence[Any], error: Exception) -> None:
    """Say so where a call failed because its arrays do not belong together."""
    arrays = [a for a in args if hasattr(a, "dtype")]
    homes = [f"{backend_of(a).name} on {backend_of(a).device_of(a)}" for a in arrays]
    if len(set(homes)) > 1:
        raise ArgumentTypeError(
            f"{primitive.name} at {user_line()}: the arrays are {' and '.join(homes)}; bring them "
            "to one library with backend.asarray(x) before, or to one device with x.to_device"
        ) from error


def implementation(primitive: Primitive, args: Sequence[Any]) -> Callable[..., Any]:
    """Find, and remember for arrays of this type, what runs ``primitive`` on raw ``args``."""
    raw = next((a for a in args if type(a) not in SCALARS), None)
    if raw is None:
        raise TypeError(f"{primitive.name}: needs at least one array argument, got {args!r}")
    backend = backend_of(raw)
    run = backend.bind(primitive.lower(backend))
    _IMPLEMENTATIONS.setdefault(type(raw), {})[primitive] = run
    return run
