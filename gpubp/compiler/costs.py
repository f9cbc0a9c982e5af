"""What an operation costs: arithmetic, and bytes read and written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gpubp.compiler.fused import Fused
from gpubp.compiler.memory import nbytes
from gpubp.compiler.program import Operation, Value
from gpubp.core.shapes import size_of
from gpubp.rules.families import Elementwise


def flops(operation: Operation) -> int:
    """Additions, multiplications and calls of functions, each counted as one.

    Decompositions by the leading terms of Golub and Van Loan, Matrix Computations; what only moves
    or compares positions counts nothing.
    """
    primitive = operation.primitive
    if isinstance(primitive, Fused):
        return fused_flops(primitive)
    rule = _FLOPS.get(primitive.name)
    if rule is not None:
        return int(rule(operation))
    return _result(operation) if isinstance(primitive, Elementwise) else 0


def fused_flops(primitive: Fused) -> int:
    """Of every step, as often as its operands vary."""
    kernel = primitive.kernel
    varies = kernel.varies()
    total = 0
    for number, step in enumerate(kernel.steps, len(kernel.inputs)):
        axes = varies[number]
        counted = [
            n for i, n in enumerate(kernel.shape) if axes[i] or (step.over and i in step.over)
        ]
        total += math.prod(counted)
    return total


def bytes_moved(operation: Operation) -> int:
    """Bytes of the distinct elements that are read, and of those written."""
    read = sum(nbytes(a) for a in dict.fromkeys(operation.operands()))
    return read + sum(nbytes(y) for y in operation.results)


def _shape(operation: Operation, number: int = 0) -> tuple[int, ...]:
    a = operation.args[number]
    return tuple(a.shape) if type(a) is Value else ()


def _operand(operation: Operation) -> int:
    return size_of(_shape(operation))


def _result(operation: Operation) -> int:
    return sum(size_of(tuple(y.shape)) for y in operation.results)


def _product(operation: Operation) -> int:
    """Of matrices with shared length k, whichever of them are transposed."""
    a, b = _shape(operation, 0), _shape(operation, 1)
    y = tuple(operation.results[0].shape)
    matrices = size_of(a[-2:]) * size_of(b[-2:])
    shared = math.isqrt(matrices // max(size_of(y[-2:]), 1))  # (m k) (k n) / (m n) = k^2
    return 2 * shared * size_of(y)


def _convolution(y: Sequence[int], w: Sequence[int]) -> int:
    """Each result sums a product for every weight of its channel."""
    return 2 * math.prod(y) * math.prod(w[2:])


def _windows(operation: Operation, one_each: Value) -> int:
    """One for each element of every window, of which ``one_each`` has a number."""
    return size_of(tuple(one_each.shape)) * math.prod(operation.params["windows"].kernel)


def _matrices(terms: Callable[[int, int], float]) -> Callable[[Operation], float]:
    """For stacks of m x n matrices."""

    def count(operation: Operation) -> float:
        *stack, m, n = _shape(operation)
        return size_of(tuple(stack)) * terms(m, n)

    return count


def _solve(operation: Operation) -> float:
    *stack, n, _ = _shape(operation)
    return size_of(tuple(stack)) * 2 / 3 * n**3 + 2 * n * _result(operation)


def _fft(operation: Operation) -> float:
    size = max(_operand(operation), 2)
    return 5 * size * math.log2(size)


_FLOPS: dict[str, Callable[[Operation], Any]] = {
    **dict.fromkeys(("matmul", "product"), _product),
    **dict.fromkeys(("sum", "prod", "max", "min", "all", "any", "count_nonzero"), _operand),
    **dict.fromkeys(("cumulative_sum", "cumulative_prod", "index_add"), _operand),
    # Of images x (n, g, c, ...), weights w (g, o, c, ...) and results y (n, g, o, ...).
    "convolution": lambda op: _convolution(op.results[0].shape, op.args[1].shape),
    "convolution_input": lambda op: _convolution(op.args[1].shape, op.args[0].shape),
    "convolution_weight": lambda op: _convolution(op.args[1].shape, op.results[0].shape),
    "max_windows": lambda op: _windows(op, op.results[0]),
    "sum_windows": lambda op: _windows(op, op.results[0]),
    "spread_windows": lambda op: _windows(op, op.args[0]),
    "pick_max_windows": lambda op: 2 * _windows(op, op.results[0]),
    "place_max_windows": lambda op: 2 * _windows(op, op.args[0]),
    **dict.fromkeys(("fft.fftn", "fft.ifftn", "fft.rfft", "fft.irfft"), _fft),
    "linalg.cholesky": _matrices(lambda m, n: n**3 / 3),
    "linalg.det": _matrices(lambda m, n: 2 / 3 * n**3),
    "linalg.eigh": _matrices(lambda m, n: 9 * n**3),
    "linalg.eig": _matrices(lambda m, n: 25 * n**3),
    "linalg.inv": _matrices(lambda m, n: 2 * n**3),
    "linalg.qr": _matrices(lambda m, n: 2 * min(m, n) ** 2 * (max(m, n) - min(m, n) / 3)),
    "linalg.slogdet": _matrices(lambda m, n: 2 / 3 * n**3),
    "linalg.solve": _solve,
    "linalg.svd": _matrices(lambda m, n: 14 * max(m, n) * min(m, n) ** 2 + 8 * min(m, n) ** 3),
}
