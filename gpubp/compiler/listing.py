"""A plan as readable straight-line code."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

from gpubp.compiler import costs
from gpubp.compiler.memory import kernel_of
from gpubp.compiler.product import product
from gpubp.compiler.program import Operation, Value
from gpubp.compiler.views import Layout

if TYPE_CHECKING:
    from gpubp.compiler.plan import Plan

_PLAIN = {"transpose_a": False, "transpose_b": False, "alpha": 1.0}  # a product's flags
_PREFIXES = ("", "k", "M", "G", "T", "P")
_WIDTH = 46  # of the code, before what is said about it


def listing(plan: Plan) -> str:
    """Figures, then a line for each input and operation, with what is known about it."""
    names = value_names(plan)
    lines = [
        f"# {plan.launches} launches, {amount(plan.flops)}flop, "
        f"{amount(plan.bytes_moved)}B moved, peak {amount(plan.peak_bytes)}B beyond the arguments"
    ]
    for number, x in enumerate(plan.program.inputs):
        given = f", donated: {names[x]}" if number in plan.donated else ""
        lines.append(_line(f"{names[x]} = argument {number}", kind_of(x) + given))
    for x in plan.program.constants:
        lines.append(_line(f"{names[x]} = constant", kind_of(x)))
    for operation in plan.program.operations:
        lines += _operation(plan, operation, names)
    returned = ", ".join(names[y] if type(y) is Value else repr(y) for y in plan.program.outputs)
    return "\n".join([*lines, f"return {returned}"])


def value_names(plan: Plan) -> dict[Value, str]:
    """``x0`` for an input, ``c0`` for a constant, ``t0`` for what is computed."""
    program = plan.program
    results = [y for o in program.operations for y in o.results]
    groups = (("x", program.inputs), ("c", program.constants), ("t", results))
    return {v: f"{letter}{n}" for letter, values in groups for n, v in enumerate(values)}


def kind_of(value: Value) -> str:
    """``float32[32,64]``, or ``float`` for a Python number."""
    if value.number:
        return value.number.__name__
    name = str(value.dtype).rpartition(".")[2]
    return f"{name}[{','.join(map(str, value.shape))}]"


def amount(count: float) -> str:
    """A count in decimal multiples, ready to be followed by its unit."""
    prefixes = iter(_PREFIXES)
    prefix = next(prefixes)
    while count >= 1000:
        count, prefix = count / 1000, next(prefixes)
    return f"{count:.3g} {prefix}"


def call(operation: Operation, names: dict[Value, str]) -> str:
    """The operation as a call: ``sum(t3, axis=(0,))``."""
    args = [names[a] if type(a) is Value else repr(a) for a in operation.args]
    params = [
        f"{n}={_param(x)}"
        for n, x in operation.params.items()
        if n != "namespace" and (operation.primitive is not product or x != _PLAIN[n])
    ]
    return f"{operation.primitive.name}({', '.join([*args, *params])})"


def _operation(plan: Plan, operation: Operation, names: dict[Value, str]) -> list[str]:
    results = ", ".join(names[y] for y in operation.results)
    kinds = ", ".join(kind_of(y) for y in operation.results)
    notes = [kinds]
    if plan.memory.is_view(operation):
        notes.append("view")
    elif operation.primitive.name in ("matmul", product.name):
        notes.append(route(plan, operation))
    place = _place(plan, operation)
    if place:
        notes.append(place)
    if operation.line:
        notes.append(os.path.basename(operation.line))
    lines = [_line(f"{results} = {call(operation, names)}", "  ".join(notes))]
    if kernel_of(operation) is not None:
        lines += _body(operation, names)
    return lines


def _body(operation: Operation, names: dict[Value, str]) -> list[str]:
    """The operations that were fused, indented, in the names of the whole program."""
    body = getattr(operation.primitive, "body")  # noqa: B009  # of fused groups only
    inner = {v: names[a] for v, a in zip(body.inputs, operation.args, strict=True) if a in names}
    inner.update(zip(body.outputs, (names[y] for y in operation.results), strict=True))
    letters = (f"e{n}" for n in itertools.count())
    inner.update({x: f"constant{tuple(x.shape)}" for x in body.constants})
    lines = []
    for x in body.inputs:
        inner.setdefault(x, next(letters))
    for o in body.operations:
        for y in o.results:
            inner.setdefault(y, next(letters))
        results = ", ".join(inner[y] for y in o.results)
        notes = "  ".join([", ".join(map(kind_of, o.results)), os.path.basename(o.line)])
        lines.append(_line(f"    {results} = {call(o, inner)}", notes))
    return lines


def fused_names(operation: Operation) -> list[str]:
    """What a fused group does, in lines of a few names."""
    body = getattr(operation.primitive, "body", None)
    names = list(dict.fromkeys(o.primitive.name for o in body.operations)) if body else []
    return [", ".join(names[i : i + 4]) for i in range(0, len(names), 4)]


def _place(plan: Plan, operation: Operation) -> str:
    if not operation.results or operation.results[0].number:
        return ""
    place = plan.memory.place(operation.results[0])
    if plan.memory.is_view(operation):
        return ""
    if place.kind == "donated":
        return f"into argument {place.number}"
    return {"arena": f"at {place.number}", "output": "result"}.get(place.kind, "allocates")


def route(plan: Plan, operation: Operation) -> str:
    """How a product reaches the library's matrix product, and why."""
    a, b = (plan.memory.layouts[x][1] for x in operation.operands()[:2])
    flags = [operation.params.get(name, False) for name in ("transpose_a", "transpose_b")]
    m, n, k = *operation.results[0].shape[-2:], a.shape[-2 if flags[0] else -1]
    size = f"{m} x {k} by {k} x {n}"
    stack = operation.results[0].shape[:-2]
    kind = f"{'x'.join(map(str, stack))} products" if stack else "one product"
    said = [
        _walked(x, flag, name)
        for x, flag, name in zip((a, b), flags, ("first", "second"), strict=True)
    ]
    return ", ".join([kind, size, *filter(None, said)])


def _walked(x: Layout, flag: bool, name: str) -> str:
    if x.is_contiguous():
        return f"{name} transposed by a flag" if flag else ""
    *stack, m, n = x.shape
    *outer, down, across = x.strides
    if Layout((*stack, n, m), (*outer, across, down), x.offset).is_contiguous():
        return "" if flag else f"{name} transposed by a flag"
    return f"{name} has strides {x.strides}"


def _param(x: Any) -> str:
    return getattr(x, "name", None) or getattr(x, "__name__", None) or repr(x)


def _line(code: str, notes: str) -> str:
    return f"{code:<{_WIDTH}}  # {notes}"


def summary(operation: Operation) -> str:
    """What an operation costs, in a few words."""
    flop = costs.flops(operation)
    moved = f"{amount(costs.bytes_moved(operation))}B"
    return f"{amount(flop)}flop, {moved}" if flop else moved
