"""A program as one operation: runs as its backend's executable, and has compiled derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp.compiler.plan import Plan
from gpubp.compiler.program import Program, Value, run
from gpubp.compiler.record import record
from gpubp.core.abstract import SCALARS, ShapeDtype
from gpubp.core.array import Array
from gpubp.core.namespace import dtype_kind
from gpubp.core.primitive import Primitive
from gpubp.core.stack import stack
from gpubp.transforms.calls import Call, Payloads, run_batch, run_jvp, run_linearize
from gpubp.transforms.jvp import zeros_like


class ProgramCall(Call):
    """Runs ``program``; derivatives are programs too, made when first asked for.

    Args:
        program: what to run.
        donated: positions of inputs whose memory may be overwritten.
    """

    def __init__(self, program: Program, donated: frozenset[int] = frozenset()) -> None:
        super().__init__(self._run)
        self.program = program
        self.donated = donated
        self.executable: Callable[[Sequence[Any]], Sequence[Any]] | None = None
        self._derived: dict[Any, Any] = {}

    def _run(self, *payloads: Any) -> tuple[Any, ...]:
        if any(type(x) is ShapeDtype for x in payloads):
            outputs = self.program.outputs
            return tuple(y.abstract() if type(y) is Value else y for y in outputs)
        if any(type(x) is Array for x in payloads):
            return self.interpret(*payloads)  # inside a larger recording
        if self.executable is None:
            self.executable = executable(self.program, self.donated)
        return tuple(self.executable(payloads))

    def interpret(self, *payloads: Any) -> tuple[Any, ...]:
        """The program's operations one by one, on payloads of any kind."""
        return tuple(run(self.program, payloads))

    def jvp_call(self, primals: Payloads, tangents: Payloads) -> tuple[Payloads, Payloads]:
        active = tuple(t is not None for t in tangents)
        derived = self._derive(("jvp", active), self._record_jvp, active, primals)
        given = [t for t in tangents if t is not None]
        found = derived.call(*primals, *given)
        n = len(self.program.outputs)
        rest = iter(found[n:])
        return found[:n], [next(rest) if known else None for known in derived.known]

    def vjp_call(self, primals: Payloads, active: Sequence[bool]) -> tuple[Payloads, Primitive]:
        derived = self._derive(("vjp", tuple(active)), self._record_vjp, active, primals)
        found = derived.forward(*primals)
        n = len(self.program.outputs)
        return found[:n], _Pullback(self, derived, found[n:])

    def batch_call(self, batched: Sequence[bool], size: int, args: Payloads) -> Payloads:
        key = "batch", tuple(batched), size
        return self._derive(key, self._record_batch, batched, size, args)(*args)

    def _derive(self, key: Any, make: Callable[..., Any], *args: Any) -> Any:
        if key not in self._derived:
            self._derived[key] = make(*args)
        return self._derived[key]

    def _record_jvp(self, active: Sequence[bool], primals: Payloads) -> _Forward:
        n = len(primals)
        known: list[bool] = []

        def both(*payloads: Any) -> list[Any]:
            rest = iter(payloads[n:])
            tangents = [next(rest) if a else None for a in active]
            ys, ts = run_jvp(self.interpret, payloads[:n], tangents)
            known[:] = [t is not None for t in ts]
            return [*ys, *[t for t in ts if t is not None]]

        given = [x for x, a in zip(self.program.inputs, active, strict=True) if a]
        program, _ = record(both, _copies([*self.program.inputs, *given]))
        return _Forward(ProgramCall(program), known)

    def _record_vjp(self, active: Sequence[bool], primals: Payloads) -> _Reverse:
        n = len(primals)
        position: list[int] = []
        outputs = [y for y in self.program.outputs if _differentiable(y)]

        def both(*payloads: Any) -> list[Any]:
            ys, tape = run_linearize(self.interpret, payloads[:n], active)
            ys = [y if type(y) in SCALARS else stack.recorder.array_of(y) for y in ys]
            position.append(len(stack.recorder.operations))
            given = iter(payloads[n:])
            cts = [next(given) if _differentiable(y) else None for y in self.program.outputs]
            found = tape.vjp(active, cts, None, payloads[:n], {})
            asked = [(x, g) for x, g, a in zip(payloads, found, active, strict=False) if a]
            return [*ys, *[zeros_like(x) if g is None else g for x, g in asked]]

        program, _ = record(both, _copies([*self.program.inputs, *outputs]))
        forward, backward = split(program, n, len(self.program.outputs), position[0])
        return _Reverse(ProgramCall(forward), ProgramCall(backward), list(active))

    def _record_batch(self, batched: Sequence[bool], size: int, args: Payloads) -> ProgramCall:
        def mapped(*payloads: Any) -> list[Any]:
            return run_batch(self.interpret, batched, size, payloads)

        inputs = [
            Value((size, *x.shape) if b else x.shape, x.dtype, x.namespace, x.number)
            for x, b in zip(self.program.inputs, batched, strict=True)
        ]
        return ProgramCall(record(mapped, inputs)[0])


class _Forward:
    """A program of values and tangents; ``known`` says which results have a tangent."""

    def __init__(self, call: ProgramCall, known: Sequence[bool]) -> None:
        self.call = call
        self.known = known


class _Reverse:
    """A program of values and residuals, and one from residuals and cotangents to cotangents."""

    def __init__(self, forward: ProgramCall, backward: ProgramCall, active: list[bool]) -> None:
        self.forward = forward
        self.backward = backward
        self.active = active


class _Pullback(Primitive):
    """What a tape keeps of a program's call."""

    multiple_results = True

    def __init__(self, call: ProgramCall, derived: _Reverse, residuals: Payloads) -> None:
        self.name = "compiled"
        self.call = call
        self.derived = derived
        self.kept = residuals

    def vjp(self, needed: Any, ct: Any, y: Any, args: Any, params: Any) -> list[Any]:
        outputs = self.call.program.outputs
        cts = [
            zeros_like(e) if c is None else c
            for c, e, value in zip(ct, y, outputs, strict=True)
            if _differentiable(value)
        ]
        found = iter(self.derived.backward(*self.kept, *cts))
        return [next(found) if a else None for a in self.derived.active]

    def jvp(self, tangents: Any, y: Any, args: Any, params: Any) -> list[Any]:
        return list(self.call.jvp_call(args, tangents)[1])


def split(program: Program, inputs: int, outputs: int, position: int) -> tuple[Program, Program]:
    """The operations before ``position`` as one program and the others as a second.

    The first takes the first ``inputs`` and returns the first ``outputs``, and after them what the
    second needs; that takes these values, and then the other inputs.
    """
    before, after = program.operations[:position], program.operations[position:]
    known = {*program.inputs[:inputs], *(y for o in before for y in o.results)}
    rest = program.outputs[outputs:]
    used = [a for o in after for a in o.operands()] + [y for y in rest if type(y) is Value]
    residuals = list(dict.fromkeys(v for v in used if v in known))
    first = Program(
        program.inputs[:inputs],
        program.constants,
        before,
        [*program.outputs[:outputs], *residuals],
    )
    second = Program([*residuals, *program.inputs[inputs:]], program.constants, after, rest)
    return first, second


def executable(
    program: Program, donated: frozenset[int] = frozenset()
) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """The program as its backend runs it."""
    return Plan(program, donated).executable


def _copies(values: Sequence[Value]) -> list[Value]:
    """Inputs like these for a program of its own."""
    return [Value(x.shape, x.dtype, x.namespace, x.number) for x in values]


def _differentiable(x: Any) -> bool:
    """Whether an output can have a cotangent."""
    return type(x) is Value and not x.number and dtype_kind(x.abstract()) in "fc"
