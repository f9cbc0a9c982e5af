"""Kernels for tests: made from arrays, run natively, and computed by NumPy to compare."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step
from gpubp.core.backend import get_backend
from gpubp.core.primitive import PRIMITIVES
from gpubp_numpy import native


def operand(x, shape):
    """How a kernel over ``shape`` reads the array ``x``, broadcast."""
    x = np.broadcast_to(x, shape)
    return Operand(str(x.dtype), tuple(s // x.itemsize for s in x.strides))


def step(op, *args, dtype="float32", over=()):
    return Step(op, tuple(a if type(a) is int else Literal(a[0]) for a in args), dtype, over)


def kernel(arrays, steps, outputs, shape=None):
    """The kernel that writes the values ``outputs``, and the arrays that it writes them to."""
    shape = np.broadcast_shapes(*(a.shape for a in arrays)) if shape is None else shape
    inputs = tuple(operand(a, shape) for a in arrays)
    values = Kernel(shape, inputs, tuple(steps), ()).varies()
    written, results = [], []
    for v in outputs:
        made = v - len(inputs)
        kept = tuple(n if varies else 1 for n, varies in zip(shape, values[v], strict=True))
        y = np.full(kept, 77, dtype=steps[made].dtype)
        results.append(y)
        written.append((v, operand(y, shape)))
    return Kernel(shape, inputs, tuple(steps), tuple(written)), results


def table(arrays):
    return np.array([a.ctypes.data for a in arrays], np.uintp)


def run(found, arrays, results):
    """Run one kernel on its arrays."""
    buffers = [*arrays, *results]
    function = native.segment([native.Call(found, tuple(range(len(buffers))))])
    addresses = table(buffers)
    function(addresses.ctypes.data)
    return results


def expected(found, arrays):
    """What NumPy computes for a kernel: the values of its outputs, broadcast to its shape."""
    backend = get_backend("numpy")
    values = [
        as_strided(a, found.shape, [s * a.itemsize for s in o.strides])
        for a, o in zip(arrays, found.inputs, strict=True)
    ]
    with np.errstate(all="ignore"):
        for s in found.steps:
            args = [values[a] if type(a) is int else a.value for a in s.args]
            params = {"axis": s.over, "keepdims": True} if s.over else {}
            if s.op == "index":
                (axis,) = s.over
                y = np.arange(found.shape[axis]).reshape(
                    [-1 if a == axis else 1 for a in range(len(found.shape))]
                )
                y = np.broadcast_to(y, found.shape)
            elif s.op == "astype":
                y = args[0].astype(s.dtype)
            elif s.op == "sum" and s.dtype.startswith("float"):
                y = np.sum(args[0], axis=s.over, keepdims=True, dtype="float64").astype(s.dtype)
            else:
                y = PRIMITIVES[s.op].lower(backend)(*args, **params)
            values.append(np.asarray(y))
    return [values[v] for v, _ in found.outputs]
