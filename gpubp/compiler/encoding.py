"""Programs as text: operations by the names of their primitives, parameters by their kinds."""

from __future__ import annotations

import importlib
import math
from typing import Any

from gpubp import errors
from gpubp.compiler.program import Operation, Program, Value
from gpubp.core.namespace import Namespace
from gpubp.core.primitive import PRIMITIVES

FORMAT = 1

# Parameters that are tuples with names; each is written as its class and its fields.
_RECORDS = ("gpubp.nn.windows.Windows",)
_NUMBERS = {t.__name__: t for t in (bool, int, float, complex)}


def encode(program: Program) -> dict[str, Any]:
    """``program`` without the arrays of its constants, as JSON takes it.

    Raises:
        ArgumentError: for an operation that is not the library's own, such as a user's.
    """
    numbers: dict[Value, int] = {}

    def add(value: Value) -> dict[str, Any]:
        numbers[value] = len(numbers)
        return {
            "shape": list(value.shape),
            "dtype": _dtype_name(value.dtype),
            "number": value.number.__name__ if value.number else None,
        }

    def operand(a: Any) -> Any:
        return {"value": numbers[a]} if type(a) is Value else _encode(a)

    return {
        "format": FORMAT,
        "inputs": [add(x) for x in program.inputs],
        "constants": [add(x) for x in program.constants],
        "operations": [
            {
                "primitive": _name(o),
                "args": [operand(a) for a in o.args],
                "params": {name: _encode(x) for name, x in o.params.items()},
                "results": [add(y) for y in o.results],
                "region": o.region,
                "line": o.line,
            }
            for o in program.operations
        ],
        "outputs": [operand(y) for y in program.outputs],
    }


def decode(found: dict[str, Any], namespace: Namespace, constants: list[Any]) -> Program:
    """The program that :func:`encode` wrote, for arrays of ``namespace``.

    Raises:
        ArgumentError: for a program of another format, or with operations unknown here.
    """
    if found.get("format") != FORMAT:
        raise errors.ArgumentError(
            f"load: the program has format {found.get('format')}, this version reads {FORMAT}; "
            "save it again with this version"
        )
    backend = namespace.backend
    values: list[Value] = []

    def make(x: dict[str, Any]) -> Value:
        number = _NUMBERS[x["number"]] if x["number"] else None
        values.append(Value(tuple(x["shape"]), backend.dtype(x["dtype"]), namespace, number))
        return values[-1]

    def operand(a: Any) -> Any:
        if isinstance(a, dict) and "value" in a:
            return values[a["value"]]
        return _decode(a, namespace)

    program = Program([make(x) for x in found["inputs"]])
    for x, array in zip(found["constants"], constants, strict=True):
        value = make(x)
        program.constants[value] = backend.asarray(array, dtype=value.dtype)
    for o in found["operations"]:
        program.operations.append(
            Operation(
                _primitive(o["primitive"]),
                tuple(operand(a) for a in o["args"]),
                {name: _decode(x, namespace) for name, x in o["params"].items()},
                tuple(make(y) for y in o["results"]),
                o["region"],
                o["line"],
            )
        )
    program.outputs = [operand(y) for y in found["outputs"]]
    return program


def _name(operation: Operation) -> str:
    name = operation.primitive.name
    if PRIMITIVES.get(name) is not operation.primitive:
        raise errors.ArgumentError(
            f"save: the operation {name!r} at {operation.line} is not one of the library's own; "
            "only programs of those can be loaded elsewhere"
        )
    return name


def _primitive(name: str) -> Any:
    for module in ("nn", "random", "special"):  # these have operations of their own
        if name not in PRIMITIVES:
            importlib.import_module(f"gpubp.{module}")
    if name not in PRIMITIVES:
        raise errors.ArgumentError(
            f"load: there is no operation {name!r} here; install the version of gpubp that saved "
            "the program"
        )
    return PRIMITIVES[name]


def _dtype_name(dtype: Any) -> str:
    text = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))
    return text.rpartition(".")[2]


def _encode(x: Any) -> Any:
    if x is None or type(x) in (bool, int, str):
        return x
    if type(x) is float:
        return x if math.isfinite(x) else {"float": str(x)}
    if type(x) is complex:
        return {"complex": [_encode(x.real), _encode(x.imag)]}
    if type(x) is slice:
        return {"slice": [_encode(part) for part in (x.start, x.stop, x.step)]}
    if type(x) is Namespace:
        return {"namespace": None}
    if isinstance(x, tuple):
        kind = f"{type(x).__module__}.{type(x).__qualname__}"
        if kind in _RECORDS:
            return {"record": kind, "fields": [_encode(e) for e in x]}
        return {"tuple": [_encode(e) for e in x]}
    if isinstance(x, list):
        return [_encode(e) for e in x]
    return {"dtype": _dtype_name(x)}


def _decode(x: Any, namespace: Namespace) -> Any:
    if isinstance(x, list):
        return [_decode(e, namespace) for e in x]
    if not isinstance(x, dict):
        return x
    kind = next(iter(x))
    inner = x[kind]
    if kind == "float":
        return float(inner)
    if kind == "complex":
        return complex(*[_decode(e, namespace) for e in inner])
    if kind == "slice":
        return slice(*[_decode(e, namespace) for e in inner])
    if kind == "namespace":
        return namespace
    if kind == "tuple":
        return tuple(_decode(e, namespace) for e in inner)
    if kind == "record" and inner in _RECORDS:
        module, _, name = inner.rpartition(".")
        cls = getattr(importlib.import_module(module), name)
        return cls(*[_decode(e, namespace) for e in x["fields"]])
    return namespace.backend.dtype(inner)
