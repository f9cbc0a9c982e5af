"""Kernels run by the letter of their description, in plain NumPy: what every lowering must equal.

Also checks what the description promises to lowerings.
"""

from __future__ import annotations

import numpy as np

from gpubp.compiler.kernel import DTYPES, POINTWISE, REDUCTIONS, Kernel, Literal, Operand
from gpubp.core.primitive import PRIMITIVES


def _positions(kernel: Kernel, operand: Operand) -> np.ndarray:
    """For each point of the space, which element of the buffer; length 1 where it stays there."""
    assert len(operand.strides) == len(kernel.shape)
    at = np.full((1,) * len(kernel.shape), operand.offset)
    for axis, (length, stride) in enumerate(zip(kernel.shape, operand.strides, strict=True)):
        if stride:
            along = [1] * len(kernel.shape)
            along[axis] = length
            at = at + np.reshape(np.arange(length) * stride, along)
    return at


def interpret(kernel: Kernel, arrays: list, shapes: list) -> list:
    """The kernel's outputs, for arrays (or Python numbers) in the order of its inputs."""
    assert kernel.shape
    assert all(n > 1 for n in kernel.shape) or kernel.shape == (1,)
    values, whole = [], []  # whole: a reduction that is done when all rows are
    last = len(kernel.shape) - 1
    for operand, x in zip(kernel.inputs, arrays, strict=True):
        assert operand.dtype in DTYPES
        if isinstance(x, (bool, int, float)):
            x = np.asarray(x, operand.dtype)
        assert str(x.dtype) == operand.dtype
        flat = np.ascontiguousarray(x).reshape(-1)
        at = _positions(kernel, operand)
        assert at.min() >= 0
        assert at.max() < flat.size
        values.append(flat[at])
        whole.append(False)
    for step in kernel.steps:
        assert all(type(a) is Literal or not whole[a] for a in step.args)
        y = _step(kernel, step, values)
        values.append(y.astype(step.dtype))
        whole.append(step.op in REDUCTIONS and step.over != (last,))
    for value, varies in zip(values, kernel.varies(), strict=True):
        assert value.shape == tuple(
            n if v else 1 for n, v in zip(kernel.shape, varies, strict=True)
        )
    found = []
    for (number, operand), shape in zip(kernel.outputs, shapes, strict=True):
        y = values[number]
        assert str(y.dtype) == operand.dtype
        at = _positions(kernel, operand)
        assert at.shape == y.shape
        assert sorted(at.reshape(-1)) == list(range(int(np.prod(shape))))  # each written once
        out = np.empty(int(np.prod(shape)), y.dtype)
        out[at.reshape(-1)] = y.reshape(-1)
        found.append(out.reshape(shape))
    return found


def _step(kernel: Kernel, step, values: list) -> np.ndarray:
    if step.op == "index":
        (axis,) = step.over
        along = [1] * len(kernel.shape)
        along[axis] = kernel.shape[axis]
        return np.reshape(np.arange(kernel.shape[axis]), along)
    args = [a.value if type(a) is Literal else values[a] for a in step.args]
    if step.op in REDUCTIONS:
        (x,) = args
        assert all(x.shape[axis] > 1 for axis in step.over)
        if step.op in ("sum", "prod"):
            return getattr(np, step.op)(x, axis=step.over, keepdims=True, dtype=step.dtype)
        return getattr(np, step.op)(x, axis=step.over, keepdims=True)
    assert step.op in POINTWISE
    if step.op == "astype":
        return np.asarray(args[0]).astype(step.dtype)
    if not any(isinstance(a, np.ndarray) for a in args):
        args = [np.asarray(a, step.dtype) for a in args]
    if step.op == "where":
        return np.where(*args)
    with np.errstate(all="ignore"):
        return np.asarray(PRIMITIVES[step.op](*args))
