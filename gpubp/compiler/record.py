"""Recording: a function runs once on arrays without values, and its operations become a program."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gpubp.compiler.program import Operand, Operation, Program, Value
from gpubp.core.abstract import SCALARS, ShapeDtype
from gpubp.core.array import Array
from gpubp.core.namespace import Namespace, default_dtype, dtype_kind, namespace_of
from gpubp.core.primitive import PRIMITIVES, Primitive
from gpubp.core.stack import stack
from gpubp.core.trace import EVALUATION, Trace, running
from gpubp.errors import user_line

_NUMBERS = {"b": bool, "i": int, "f": float, "c": complex}


class Recorder(Trace):
    """Payload: shape and dtype. Extra: the :class:`Value`."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.constants: dict[int, tuple[Value, Any]] = {}
        self.captured: dict[int, tuple[Value, Array]] = {}
        self.made: dict[int, tuple[Any, Primitive, dict[str, Any]]] = {}  # small arrays, and how

    def array(self, value: Value) -> Array:
        """``value`` as the recorded function sees it."""
        return Array(ShapeDtype(value.shape, value.dtype, value.namespace), self, value)

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if primitive.composite:
            return primitive.decompose(*args, **params)
        operands = tuple(self.operand(a) for a in args)
        if primitive is not as_array and all(type(o) is not Value or o.number for o in operands):
            return self._process_numbers(primitive, args, operands, params)
        shapes = [o.abstract() if type(o) is Value else o for o in operands]
        y = primitive.abstract(*shapes, **params)
        if not primitive.multiple_results:
            return self._record(primitive, operands, params, [_value(y)])[0]
        return self._record(primitive, operands, params, [_value(e) for e in y])

    def process_call(self, call: Any, args: Sequence[Any]) -> Any:
        run = getattr(call, "interpret", call.run)  # a program inside another: its operations
        found = run(*[a if type(a) in SCALARS else self.array_of(a) for a in args])
        return tuple(y if type(y) in SCALARS else self.array_of(y) for y in found)

    def create(self, primitive: Any, params: dict[str, Any], small: bool) -> Any:
        """An array made of none: an operation, or a known value that becomes one if it is used."""
        if small:
            y = primitive.now(**params)
            self.made[id(y)] = y, primitive, params
            return y
        return self._record(primitive, (), params, [_value(primitive.abstract(**params))])[0]

    def _record(
        self,
        primitive: Primitive,
        operands: tuple[Operand, ...],
        params: dict[str, Any],
        results: Sequence[Value],
    ) -> tuple[Array, ...]:
        self.operations.append(
            Operation(primitive, operands, params, tuple(results), stack.region, user_line())
        )
        return tuple(self.array(y) for y in results)

    def _process_numbers(
        self,
        primitive: Primitive,
        args: Sequence[Any],
        operands: tuple[Operand, ...],
        params: dict[str, Any],
    ) -> Any:
        """An operation on Python numbers alone: its result is a number again, as in eager code."""
        namespace = next(o.namespace for o in operands if type(o) is Value)
        shapes = [_as_array(o, namespace) for o in operands]
        on_numbers = _ON_NUMBERS.get(primitive.name)
        if on_numbers is None:
            arrays = [
                self.process(as_array, [a], {"namespace": namespace, "dtype": s.dtype})
                for a, s in zip(args, shapes, strict=True)
            ]
            return self.process(primitive, arrays, params)
        y = _value(primitive.abstract(*shapes, **params))
        y.number = _NUMBERS[dtype_kind(y.abstract())]
        return self._record(on_numbers, operands, params, [y])[0]

    def operand(self, x: Any) -> Operand:
        """An argument as an operation holds it."""
        if type(x) in SCALARS:
            return x
        if type(x) is Array:
            if x._trace is self:
                return x._extra
            if x._trace is not EVALUATION:
                self.lower(x)  # raises for an array that has leaked
                return self._keep(self.captured, x, x)
            x = x._value
        if id(x) in self.made:
            _, primitive, params = self.made[id(x)]
            shape = primitive.abstract(**params)
            return self._record(primitive, (), params, [_value(shape)])[0]._extra
        return self._keep(self.constants, x, x)

    def array_of(self, x: Any) -> Array:
        """``x`` as an array of this trace."""
        return x if type(x) is Array and x._trace is self else self.array(self.operand(x))

    def _keep(self, table: dict[int, tuple[Value, Any]], x: Any, payload: Any) -> Value:
        found = table.get(id(x))  # `payload` is kept, so that the number stays its own
        if found is None:
            value = Value(tuple(x.shape), x.dtype, namespace_of(x))
            found = table[id(x)] = value, payload
        return found[0]


class OnNumbers(Primitive):
    """Arithmetic of Python numbers, on traced ones the primitive of the same name."""

    differentiable = False

    def __init__(self, name: str, f: Callable[..., Any]) -> None:
        super().__init__(f"number.{name}")
        self.on_arrays = name
        self.f = f

    def __call__(self, *args: Any, **params: Any) -> Any:
        if any(type(a) is Array for a in args):
            return PRIMITIVES[self.on_arrays](*args, **params)
        return self.f(*args)


class AsArray(Primitive):
    """A Python number as an array of shape ()."""

    differentiable = False

    def __call__(self, *args: Any, **params: Any) -> Any:
        (x,) = args
        if type(x) is Array:
            return x._trace.process(self, args, params)
        return PRIMITIVES["full"](shape=(), value=x, **params)

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        return ShapeDtype((), params["dtype"], params["namespace"])


as_array = AsArray("number_as_array")

_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "pow": operator.pow,
    "negative": operator.neg,
    "positive": operator.pos,
    "abs_real": abs,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
_ON_NUMBERS = {name: OnNumbers(name, f) for name, f in _OPERATORS.items()}


def _value(x: ShapeDtype) -> Value:
    return Value(tuple(x.shape), x.dtype, x.namespace)


def _as_array(x: Operand, namespace: Namespace) -> ShapeDtype:
    """Shape and dtype of the array that a number alone would become."""
    kind = dtype_kind(x.abstract() if type(x) is Value else x)
    return ShapeDtype((), default_dtype(namespace, _NUMBERS[kind]), namespace)


@contextmanager
def _recording(recorder: Recorder) -> Iterator[None]:
    before = stack.recorder, stack.region, stack.closed
    stack.recorder, stack.region, stack.closed = recorder, 0, None
    try:
        with running(recorder):
            yield
    finally:
        stack.recorder, stack.region, stack.closed = before


def record(f: Callable[..., Sequence[Any]], inputs: Sequence[Value]) -> tuple[Program, list[Array]]:
    """The program of ``f``, a function of flat arrays that returns flat payloads.

    Besides it, the traced arrays from outside that ``f`` closes over: they are the program's last
    inputs.
    """
    recorder = Recorder()
    with _recording(recorder):
        found = f(*[recorder.array(x) for x in inputs])
        outputs = [recorder.operand(y) for y in found]
    captured = list(recorder.captured.values())
    program = Program(
        [*inputs, *[value for value, _ in captured]],
        dict(recorder.constants.values()),
        recorder.operations,
        outputs,
    )
    return program, [array for _, array in captured]
