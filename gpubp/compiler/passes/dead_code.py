"""Dead code: operations that no output needs."""

from __future__ import annotations

from gpubp.compiler.program import Program, Value


def remove(program: Program) -> Program:
    """The program without operations, and constants, that no output needs."""
    needed = {y for y in program.outputs if type(y) is Value}
    kept = []
    for operation in reversed(program.operations):
        if not needed.isdisjoint(operation.results):
            kept.append(operation)
            needed.update(operation.operands())
    constants = {value: x for value, x in program.constants.items() if value in needed}
    return Program(program.inputs, constants, kept[::-1], program.outputs)
