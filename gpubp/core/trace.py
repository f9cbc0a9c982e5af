"""Traces: one interpreter of primitives for each transformation that is under way.

Every running transformation owns a trace, pushed on this thread's stack; its depth is the trace's
level. A primitive is processed by the trace of its innermost argument, which unpacks that
argument, calls primitives on what is inside, and so leaves the rest to the traces below. Level 0
is plain evaluation: constants made inside a transformed function live there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gpubp.core.abstract import ShapeDtype
from gpubp.core.array import Array
from gpubp.core.backend import ON_CURRENT_DEVICE
from gpubp.core.stack import stack
from gpubp.errors import LeakedArrayError

if TYPE_CHECKING:
    from gpubp.core.primitive import Primitive


def depth() -> int:
    """Number of transformations that are under way on this thread."""
    return len(stack.traces)


class Trace:
    """What every kind of trace has: a level, and a way to process a primitive."""

    level = 0

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """The result of ``primitive`` as arrays of this trace."""
        raise NotImplementedError

    def process_call(self, call: Any, args: Sequence[Any]) -> Any:
        """The results of a call of a user's function with rules of its own."""
        raise NotImplementedError

    def shape(self, array: Array) -> tuple[int, ...]:
        """Shape of an array of this trace."""
        return array._value.shape

    def known(self, array: Array) -> Any:
        """The payload of ``array``, for code that needs its value; ``None`` if it has none."""
        return array._value

    def unpack(self, args: Sequence[Any]) -> tuple[list[Any], list[Any], bool]:
        """Payloads of arguments, what this trace knows of each, and whether it knows anything."""
        payloads, extras, active = [], [], False
        for a in args:
            extra = None
            if type(a) is Array:
                if a._trace is self:
                    a, extra = a._value, a._extra
                    if extra is not None:
                        active = True
                else:
                    a = self.lower(a)
            payloads.append(a)
            extras.append(extra)
        return payloads, extras, active

    def result(self, x: Any) -> tuple[Any, Any]:
        """Payload of one leaf of a function's result, and what this trace knows of it."""
        if type(x) is Array and x._trace is self:
            return x._value, x._extra
        return self.lower(x), None

    def lower(self, x: Any) -> Any:
        """``x`` as a payload below this trace; what this trace knows of it is dropped."""
        if type(x) is Array:
            if x._trace is self or x._trace.level == 0:
                return x._value
            if x._trace.level >= self.level:
                raise leaked(x)
        return x


class Evaluation(Trace):
    """Level 0: computes at once."""

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values = [a._value if type(a) is Array else a for a in args]
        y = primitive(*values, **params)
        if isinstance(y, tuple):
            return tuple(Array(e, self, None) for e in y)
        return Array(y, self, None)

    def process_call(self, call: Any, args: Sequence[Any]) -> Any:
        return self.process(call, args, {})


EVALUATION = Evaluation()

TraceT = TypeVar("TraceT", bound=Trace)


class running(Generic[TraceT]):
    """Push ``trace`` for the duration of a ``with`` block; afterwards its arrays are dead."""

    def __init__(self, trace: TraceT) -> None:
        self.trace = trace

    def __enter__(self) -> TraceT:
        traces = stack.traces
        traces.append(self.trace)
        self.trace.level = len(traces)
        return self.trace

    def __exit__(self, *exception: object) -> None:
        stack.traces.pop()
        # The instance's own from now on: a check in the method would cost every operation.
        self.trace.process = _process_leaked  # type: ignore[method-assign]


def _process_leaked(primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
    raise leaked(next(a for a in args if type(a) is Array))


def leaked(array: Array) -> LeakedArrayError:
    """The error for an array that outlived its transformation."""
    return LeakedArrayError(
        f"an array of shape {array.shape} was kept from a transformation that has ended (in a "
        "global, a closure, an attribute or a generator); return it from the function instead, "
        "with has_aux=True if it is not to be differentiated"
    )


def guarded(x: Any) -> Any:
    """``x``, lifted if it is a raw array whose operators would lose its device."""
    return Array(x, EVALUATION, None) if type(x) in ON_CURRENT_DEVICE else x


def alike(values: Sequence[Any]) -> list[Any]:
    """Payloads for a rule that mixes them with operators: raw arrays beside traced ones lifted.

    A raw array's own operator need not know what a traced one is.
    """
    return [_traced(x) for x in values]


def _traced(x: Any) -> Any:
    if type(x) in (tuple, list):
        return type(x)(_traced(e) for e in x)
    raw = hasattr(x, "dtype") and type(x) not in (Array, ShapeDtype)
    return Array(x, EVALUATION, None) if raw else x
