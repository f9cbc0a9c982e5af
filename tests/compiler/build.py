"""Programs by hand: each call of a primitive becomes an operation."""

import numpy as np

from gpubp.compiler.program import Operation, Program, Value
from gpubp.core.backend import get_backend
from gpubp.core.namespace import namespace_for
from gpubp.core.primitive import PRIMITIVES

NUMPY = namespace_for(get_backend("numpy"), "cpu")


class Builder:
    """Inputs and operations in the order in which they are asked for."""

    def __init__(self):
        self.program = Program([])

    def input(self, *shape, dtype="float32"):
        value = Value(shape, np.dtype(dtype), NUMPY)
        self.program.inputs.append(value)
        return value

    def constant(self, array):
        value = Value(array.shape, array.dtype, NUMPY)
        self.program.constants[value] = array
        return value

    def apply(self, primitive, *args, **params):
        if isinstance(primitive, str):
            primitive = PRIMITIVES[primitive]
        shapes = [a.abstract() if type(a) is Value else a for a in args]
        found = primitive.abstract(*shapes, **params)
        several = primitive.multiple_results
        results = tuple(
            Value(tuple(y.shape), y.dtype, NUMPY) for y in (found if several else (found,))
        )
        self.program.operations.append(Operation(primitive, args, params, results))
        return results if several else results[0]

    def __getattr__(self, name):
        return lambda *args, **params: self.apply(name, *args, **params)

    def returns(self, *outputs):
        self.program.outputs = list(outputs)
        return self.program


def arguments_of(program, seed=0):
    """Positive numbers for every input."""
    rng = np.random.default_rng(seed)
    return [_draw(x, rng) for x in program.inputs]


def _draw(x, rng):
    values = rng.uniform(0.5, 1.5, x.shape) * (1 if x.dtype.kind == "f" else 3)
    return float(values) if x.number else np.asarray(values).astype(x.dtype)
