"""How primitives consume a parameter: the factors of its gradient, by primitive and argument.

A row says for which arguments the gradient has factors, and makes them of the other operand a' and
of d_z (the notes' Fact 5: D_w C = d_z C (outer) a'). Everything else, such as a bias or a
LayerNorm's scale, is left to the primitive's own rule: the result of an elementwise function is at
least as large as its arguments, and so an example's gradient is no larger than its activations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gpubp.batching.per_example.terms import Outer, Rows, Term
from gpubp.core.namespace import namespace_of
from gpubp.core.registry import FUNCTIONS
from gpubp.core.shapes import Shape, shape_of, size_of
from gpubp.rules.elementwise import add, less, where
from gpubp.rules.families import materialize
from gpubp.rules.linear_algebra import transpose
from gpubp.rules.manipulation import reshape_p


class Consumer(NamedTuple):
    """Factors of a gradient; arguments of the functions are those of the primitive."""

    applies: Callable[[Sequence[Any], dict[str, Any]], bool]
    # (primitive's name, d_z with the batch as axis 0, arguments, which are batched, batch size)
    term: Callable[[str, Any, Sequence[Any], Sequence[bool], int], Term]


def _stack(weight: Any, other: Any) -> bool:
    """Whether a product takes each matrix of ``weight`` for matrices of its own of ``other``."""
    lead = shape_of(weight)[:-2]
    return not lead or shape_of(other)[:-2] == lead


def _factors(name: str, weight: Shape, left: Any, right: Any) -> Outer:
    """Matrices (batch, ..., s, k) and (batch, ..., s, n) as factors for a weight (..., k, n)."""
    groups = weight[:-2]
    return Outer(name, _grouped(left, groups), _grouped(right, groups), weight)


def _grouped(x: Any, groups: Shape) -> Any:
    """(batch, ..., s, k) to (batch, groups, s, k), or with a leading axis in s without groups."""
    batch, *lead, s, k = x.shape
    rows = s if groups else s * size_of(tuple(lead))
    shape = (batch, size_of(groups), rows, k)
    return x if tuple(x.shape) == shape else reshape_p(x, shape=shape)


def _right_factor(
    name: str, dz: Any, args: Sequence[Any], batched: Sequence[bool], size: int
) -> Term:
    """x W"""
    x = materialize(args[0], batched[0], size)
    return _factors(name, tuple(shape_of(args[1])), x, dz)


def _left_factor(
    name: str, dz: Any, args: Sequence[Any], batched: Sequence[bool], size: int
) -> Term:
    """W x, which is (x^T W^T)^T"""
    x = materialize(args[1], batched[1], size)
    return _factors(name, tuple(shape_of(args[0])), transpose(dz), transpose(x))


def _from_the_front(index: Any, count: int) -> Any:
    """Indices of which equal ones are equal numbers."""
    index = FUNCTIONS["astype"](index, namespace_of(index).backend.xp.int64)
    return where(less(index, 0), add(index, count), index)


def _looked_up(name: str, dz: Any, args: Sequence[Any], batched: Sequence[bool], size: int) -> Term:
    """W[i]"""
    table, index = args
    index = _from_the_front(materialize(index, batched[1], size), table.shape[0])
    count = size_of(tuple(index.shape[1:]))
    rest = tuple(table.shape)[1:]
    return Rows(
        name,
        reshape_p(index, shape=(size, count)),
        reshape_p(dz, shape=(size, count, size_of(rest))),
        tuple(table.shape),
    )


CONSUMERS: dict[tuple[Any, ...], Consumer] = {
    ("matmul", 0): Consumer(lambda args, params: _stack(args[0], args[1]), _left_factor),
    ("matmul", 1): Consumer(lambda args, params: _stack(args[1], args[0]), _right_factor),
    ("gather", 0): Consumer(lambda args, params: len(args) == 2, _looked_up),
}
