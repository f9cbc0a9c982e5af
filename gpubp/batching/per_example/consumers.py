"""How primitives consume a parameter: the factors of its gradient, by primitive and argument.

A row says for which arguments the gradient has factors, and makes them of the other operand a' and
of d_z (the notes' Fact 5: D_w C = d_z C (outer) a'). Everything else, such as a bias or a
LayerNorm's scale, is left to the primitive's own rule: the result of an elementwise function is at
least as large as its arguments, and so an example's gradient is no larger than its activations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gpubp.batching.per_example.convolved import Convolved
from gpubp.batching.per_example.meeting import Meeting
from gpubp.batching.per_example.terms import Outer, Rows, Term
from gpubp.core.namespace import namespace_of
from gpubp.core.registry import FUNCTIONS
from gpubp.core.shapes import Shape, shape_of, size_of
from gpubp.rules.elementwise import add, less, where
from gpubp.rules.linear_algebra import transpose
from gpubp.rules.manipulation import reshape_p


class Consumer(NamedTuple):
    """Whether a call's arguments and parameters are of the kind, and the factors it then has."""

    applies: Callable[[Sequence[Any], dict[str, Any]], bool]
    term: Callable[[Meeting], Term]


def _stack(weight: Any, other: Any) -> bool:
    """Whether a product takes each matrix of ``weight`` for matrices of its own of ``other``."""
    lead = shape_of(weight)[:-2]
    return not lead or shape_of(other)[:-2] == lead


def _always(args: Sequence[Any], params: dict[str, Any]) -> bool:
    return True


def _right_factor(m: Meeting) -> Term:
    """x W"""
    return _factors(m.name, m.shape(1), m.operand(0), m.dz)


def _left_factor(m: Meeting) -> Term:
    """W x, which is (x^T W^T)^T"""
    return _factors(m.name, m.shape(0), transpose(m.dz), transpose(m.operand(1)))


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


def _by_image(m: Meeting) -> Term:
    """A convolution of x"""
    return Convolved(m.name, m.operand(0), m.dz, m.shape(1), m.params["windows"])


def _by_result(m: Meeting) -> Term:
    """A transposed convolution of y, which makes images"""
    return Convolved(m.name, m.dz, m.operand(1), m.shape(0), m.params["windows"])


def _looked_up(m: Meeting) -> Term:
    """W[i]"""
    shape = m.shape(0)
    index = _from_the_front(m.operand(1), shape[0])
    count = size_of(tuple(index.shape[1:]))
    return Rows(
        m.name,
        reshape_p(index, shape=(m.size, count)),
        reshape_p(m.dz, shape=(m.size, count, size_of(shape[1:]))),
        shape,
    )


def _from_the_front(index: Any, count: int) -> Any:
    """Indices of which equal ones are equal numbers."""
    index = FUNCTIONS["astype"](index, namespace_of(index).backend.xp.int64)
    return where(less(index, 0), add(index, count), index)


CONSUMERS: dict[tuple[Any, ...], Consumer] = {
    ("convolution", 1): Consumer(_always, _by_image),
    ("convolution_input", 0): Consumer(_always, _by_result),
    ("gather", 0): Consumer(lambda args, params: len(args) == 2, _looked_up),
    ("matmul", 0): Consumer(lambda args, params: _stack(args[0], args[1]), _left_factor),
    ("matmul", 1): Consumer(lambda args, params: _stack(args[1], args[0]), _right_factor),
}
