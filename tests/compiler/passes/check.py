"""Optimised programs checked against what was recorded, and their kernels by the letter."""

from __future__ import annotations

import warnings

import numpy as np

from compiler.interpreter import interpret
from gpubp.compiler.compiled import Recorded, is_dynamic
from gpubp.compiler.fused import Fused
from gpubp.compiler.passes import optimize
from gpubp.compiler.program import Program, Value, run
from gpubp.core import tree
from gpubp.transforms.arguments import plain


def recorded(f, *args) -> tuple[Program, list]:
    """The program of ``f`` and its inputs."""
    leaves, treedef = tree.flatten((args, {}))
    return Recorded(f, treedef, leaves).program, [plain(x) for x in leaves if is_dynamic(x)]


def kernels(program: Program) -> list:
    """All kernels, in order."""
    fused = [op.primitive for op in program.operations]
    return [primitive.kernel for primitive in fused if type(primitive) is Fused]


def names(program: Program) -> list[str]:
    """What is done, in order."""
    return [operation.primitive.name for operation in program.operations]


def checked(program: Program, inputs: list, rtol: float = 1e-10, atol: float = 1e-12) -> Program:
    """``program`` optimised, if that gives what ``program`` does: by its bodies and its kernels."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        optimized = optimize(program)
        expected = run(program, inputs)
        found = _run_kernels(optimized, inputs, rtol, atol)
    for y, z, value in zip(found, expected, program.outputs, strict=True):
        assert np.shape(y) == np.shape(z)
        if type(value) is Value and not value.number:
            assert y.dtype == z.dtype
        np.testing.assert_allclose(y, z, rtol=rtol, atol=atol)
    return optimized


def _run_kernels(program: Program, inputs: list, rtol: float, atol: float) -> list:
    known = dict(zip(program.inputs, inputs, strict=True))
    known.update(program.constants)
    for operation in program.operations:
        args = [known[a] if type(a) is Value else a for a in operation.args]
        y = operation.primitive(*args, **operation.params)
        results = y if operation.primitive.multiple_results else (y,)
        if type(operation.primitive) is Fused:
            shapes = [y.shape for y in operation.results]
            by_kernel = interpret(operation.primitive.kernel, args, shapes)
            for a, b in zip(results, by_kernel, strict=True):
                assert np.shape(a) == b.shape
                assert a.dtype == b.dtype
                np.testing.assert_allclose(b, a, rtol=rtol, atol=atol)
        known.update(zip(operation.results, results, strict=True))
    return [known[y] if type(y) is Value else y for y in program.outputs]
