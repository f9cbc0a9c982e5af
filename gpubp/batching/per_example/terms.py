"""The gradients of a batch's examples by one use of a parameter, kept as factors.

Each kind of term gives what is asked of the gradients g_b without making them: inner products for
each example, sums over examples, sums of squares. Arrays are payloads with the batch as axis 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from gpubp.core.abstract import SCALARS
from gpubp.core.namespace import dtype_kind, namespace_of
from gpubp.core.registry import FUNCTIONS
from gpubp.core.shapes import Shape, size_of
from gpubp.rules.elementwise import add, conj, equal, multiply, real
from gpubp.rules.families import full_like
from gpubp.rules.indexing import gather_p, index_add_p, slice_p, take_along_axis
from gpubp.rules.linear_algebra import matmul, transpose
from gpubp.rules.manipulation import broadcast_to, concat_p, permute_dims, reshape_p
from gpubp.rules.statistical import sum_p

TermT = TypeVar("TermT", bound="Term")


class Term(Protocol):
    """Gradients g_b of the examples b, each of shape ``shape``."""

    @property
    def name(self) -> str:
        """Of the primitive that made it."""

    @property
    def shape(self) -> Shape:
        """Of the array that it is the gradient by."""

    @property
    def kind(self) -> Any:
        """Terms of one array and one kind can be joined."""

    @property
    def route(self) -> str:
        """How the norms are found, in words."""

    def squared_norms(self) -> Any:
        """|g_b|^2, shape (batch,)."""

    def dense(self) -> Any:
        """The gradients themselves, shape (batch, *shape)."""

    def total(self, weights: Any = None) -> Any:
        """sum_b w_b g_b."""

    def total_squares(self) -> Any:
        """sum_b g_b^2; ``None`` where it needs the gradients themselves."""

    def joined(self: TermT, others: list[TermT]) -> TermT:
        """The sum of terms of this kind as one of them."""

    def swapped(self: TermT) -> TermT | None:
        """The term of the transposed array, if it is one of this kind."""

    def part(self: TermT, start: int, stop: int) -> TermT:
        """The same for some of the examples."""

    @property
    def size(self) -> int:
        """Number of elements that are kept."""


@dataclass(frozen=True, eq=False)
class Outer:
    """g_b = sum_s left_bs (outer) right_bs: the factors of a product's weight.

    ``left`` is (batch, groups, s, k) and ``right`` (batch, groups, s, n), for a weight
    (..., k, n) that is a stack of as many matrices as there are groups. The sum over s is over
    a sequence, an image's places, or several uses of the weight.
    """

    name: str
    left: Any
    right: Any
    shape: Shape

    @property
    def kind(self) -> Any:
        return Outer

    @property
    def _lengths(self) -> tuple[int, int, int]:
        return self.left.shape[2], self.left.shape[3], self.right.shape[3]

    @property
    def _by_gram(self) -> bool:
        """Whether s^2 products of factors are cheaper than the gradient: s(k + n) < kn.

        Otherwise the gradient is also smaller than its factors, which are there already.
        """
        s, k, n = self._lengths
        return s == 1 or s * (k + n) < k * n

    @property
    def route(self) -> str:
        s, k, n = self._lengths
        if s == 1:
            return "|a'|^2 |d_z|^2"
        if self._by_gram:
            return f"Gram trick: s(k + n) = {s * (k + n)} < kn = {k * n}"
        return f"gradients of one product: s(k + n) = {s * (k + n)} >= kn = {k * n}"

    @property
    def size(self) -> int:
        return size_of(self.left.shape) + size_of(self.right.shape)

    def squared_norms(self) -> Any:
        if self._lengths[0] == 1:
            return real_total(
                multiply(squares_of(self.left, (2, 3)), squares_of(self.right, (2, 3)))
            )
        return self.dot(self) if self._by_gram else squares_of(self.dense())

    def dot(self, other: Outer) -> Any:
        """sum_st (a_s . a_t)(d_s . d_t)"""
        return real_total(multiply(gram(self.left, other.left), gram(self.right, other.right)))

    def dense(self) -> Any:
        columns = transpose(self.left)
        product = multiply if self._lengths[0] == 1 else matmul
        return reshape_p(product(columns, self.right), shape=(self.left.shape[0], *self.shape))

    def total(self, weights: Any = None) -> Any:
        left, right = self.left, self.right
        if weights is not None:
            small_left = size_of(left.shape) <= size_of(right.shape)
            left, right = (
                (scaled(left, weights), right) if small_left else (left, scaled(right, weights))
            )
        found = matmul(transpose(_rows_by_group(left)), _rows_by_group(right))
        return reshape_p(found, shape=self.shape)

    def total_squares(self) -> Any:
        if self._lengths[0] > 1:
            return None
        left, right = absolute_squares(self.left), absolute_squares(self.right)
        return Outer(self.name, left, right, self.shape).total()

    def joined(self, others: list[Outer]) -> Outer:
        terms = [self, *others]
        left = concat_p(*[t.left for t in terms], axis=2)
        return Outer(self.name, left, concat_p(*[t.right for t in terms], axis=2), self.shape)

    def swapped(self) -> Outer:
        *lead, k, n = self.shape
        return Outer(self.name, self.right, self.left, (*lead, n, k))

    def part(self, start: int, stop: int) -> Outer:
        return Outer(
            self.name, cut(self.left, start, stop), cut(self.right, start, stop), self.shape
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """g_b has the rows ``right_bs`` added at ``index_bs``: the factors of a table's gradient.

    ``index`` is (batch, s) and ``right`` (batch, s, n), for a table (count, ...).
    """

    name: str
    index: Any
    right: Any
    shape: Shape

    @property
    def kind(self) -> Any:
        return Rows

    @property
    def route(self) -> str:
        return "|d_z|^2" if self.index.shape[1] == 1 else "Gram trick over equal indices"

    @property
    def size(self) -> int:
        return size_of(self.index.shape) + size_of(self.right.shape)

    def _equal(self, other: Rows) -> Any:
        """1 where index s of one is index t of the other, (batch, s, t)."""
        batch, s = self.index.shape
        mine = reshape_p(self.index, shape=(batch, s, 1))
        theirs = reshape_p(other.index, shape=(batch, 1, other.index.shape[1]))
        return FUNCTIONS["astype"](equal(mine, theirs), self.right.dtype)

    def squared_norms(self) -> Any:
        return squares_of(self.right) if self.index.shape[1] == 1 else self.dot(self)

    def dot(self, other: Rows) -> Any:
        """sum_st [i_s = i_t] d_s . d_t"""
        return real_total(multiply(self._equal(other), gram(self.right, other.right)))

    def dense(self) -> Any:
        batch = self.index.shape[0]
        count, *rest = self.shape
        zeros = full_like(self.right, 0, (batch, count, self.right.shape[2]))
        index = (example_numbers(self.right, batch), self.index)
        found = index_add_p(zeros, self.right, *index)
        return reshape_p(found, shape=(batch, count, *rest))

    def total(self, weights: Any = None) -> Any:
        right = self.right if weights is None else scaled(self.right, weights)
        return self._added(right)

    def _added(self, right: Any) -> Any:
        batch, s, n = right.shape
        zeros = full_like(right, 0, (self.shape[0], n))
        flat = reshape_p(self.index, shape=(batch * s,))
        found = index_add_p(zeros, reshape_p(right, shape=(batch * s, n)), flat)
        return reshape_p(found, shape=self.shape)

    def total_squares(self) -> Any:
        """The sum over s of d_s (sum over t of [i_s = i_t] d_t), added to row i_s."""
        if self.index.shape[1] == 1:
            return self._added(absolute_squares(self.right))
        same = matmul(self._equal(self), conjugate(self.right))
        found = multiply(self.right, same)
        return self._added(real(found) if dtype_kind(found) == "c" else found)

    def joined(self, others: list[Rows]) -> Rows:
        terms = [self, *others]
        index = concat_p(*[t.index for t in terms], axis=1)
        return Rows(self.name, index, concat_p(*[t.right for t in terms], axis=1), self.shape)

    def swapped(self) -> None:
        return None

    def part(self, start: int, stop: int) -> Rows:
        return Rows(
            self.name, cut(self.index, start, stop), cut(self.right, start, stop), self.shape
        )


@dataclass(frozen=True, eq=False)
class Dense:
    """The gradients themselves, (batch, *shape); ``reason`` says why."""

    name: str
    value: Any
    reason: str

    @property
    def kind(self) -> Any:
        return Dense

    @property
    def shape(self) -> Shape:
        return tuple(self.value.shape[1:])

    @property
    def route(self) -> str:
        return self.reason

    @property
    def size(self) -> int:
        return size_of(self.value.shape)

    def squared_norms(self) -> Any:
        return squares_of(self.value)

    def dot(self, other: Dense) -> Any:
        return real_total(multiply(self.value, conjugate(other.value)))

    def dense(self) -> Any:
        return self.value

    def total(self, weights: Any = None) -> Any:
        value = self.value if weights is None else scaled(self.value, weights)
        return sum_p(value, axis=(0,), keepdims=False)

    def total_squares(self) -> Any:
        return sum_p(absolute_squares(self.value), axis=(0,), keepdims=False)

    def joined(self, others: list[Dense]) -> Dense:
        value = self.value
        for other in others:
            value = add(value, other.value)
        return Dense(self.name, value, self.reason)

    def swapped(self) -> Dense:
        return Dense(self.name, transpose(self.value), self.reason)

    def part(self, start: int, stop: int) -> Dense:
        return Dense(self.name, cut(self.value, start, stop), self.reason)


def inner(first: Any, second: Any) -> Any:
    """Re g_b . conj h_b for terms of the same array, shape (batch,)."""
    first, second = (t.unfolded() if hasattr(t, "unfolded") else t for t in (first, second))
    if type(first) is type(second):
        return first.dot(second)
    if type(first) is Dense or type(second) is Rows:
        first, second = second, first
    if type(second) is Dense:
        other = conjugate(second.value)
        if type(first) is Outer:  # sum_s a_s^T G d_s
            batch, groups, _, k = first.left.shape
            stack = reshape_p(other, shape=(batch, groups, k, first.right.shape[3]))
            return real_total(multiply(matmul(first.left, stack), first.right))
        batch, count = other.shape[:2]
        rows = reshape_p(other, shape=(batch, count, first.right.shape[2]))
        index = (example_numbers(rows, batch), first.index)
        return real_total(multiply(gather_p(rows, *index), first.right))
    # sum_st a_s[i_t] (d_s . d_t), from rows and an outer product
    batch, _, s, k = second.left.shape
    t = first.index.shape[1]
    index = broadcast_to(reshape_p(first.index, shape=(batch, 1, t)), (batch, s, t))
    picked = take_along_axis(reshape_p(second.left, shape=(batch, s, k)), index, axis=-1)
    right = reshape_p(second.right, shape=(batch, s, second.right.shape[3]))
    return real_total(multiply(picked, gram(right, first.right)))


def example_numbers(x: Any, batch: int) -> Any:
    """The index (batch, 1) that picks each example's own part of ``x``."""
    namespace = namespace_of(x)
    xp = namespace.backend.xp
    number = xp.arange(batch, dtype=xp.int64, device=namespace.device)
    return reshape_p(number, shape=(batch, 1))


def conjugate(x: Any) -> Any:
    """Conjugated where it is complex: gradients are not, but lengths need it."""
    return conj(x) if dtype_kind(x) == "c" else x


def gram(x: Any, y: Any) -> Any:
    """Inner products of the rows of matrices."""
    return matmul(x, transpose(conjugate(y)))


def squares_of(x: Any, axis: tuple[int, ...] | None = None) -> Any:
    """Sums of absolute squares over ``axis``; over everything but the batch without one."""
    product = absolute_squares(x)
    return real_total(product) if axis is None else sum_p(product, axis=axis, keepdims=False)


def absolute_squares(x: Any) -> Any:
    """|x|^2, element by element."""
    return real(multiply(x, conj(x))) if dtype_kind(x) == "c" else multiply(x, x)


def real_total(x: Any) -> Any:
    """The real part of the sum over everything but the batch."""
    if len(x.shape) > 1:
        x = sum_p(x, axis=tuple(range(1, len(x.shape))), keepdims=False)
    return real(x) if dtype_kind(x) == "c" else x


def scaled(x: Any, weights: Any) -> Any:
    """Each example times its weight."""
    if type(weights) in SCALARS:
        return multiply(x, weights)
    return multiply(x, reshape_p(weights, shape=(x.shape[0], *(1,) * (len(x.shape) - 1))))


def cut(x: Any, start: int, stop: int) -> Any:
    """Some of the examples."""
    rest = tuple((0, n, 1) for n in x.shape[1:])
    return slice_p(x, spec=((start, stop, 1), *rest))


def _rows_by_group(x: Any) -> Any:
    """(batch, groups, s, k) to (batch s, k), or to (groups, batch s, k) for several groups."""
    batch, groups, s, k = x.shape
    if groups == 1:
        return reshape_p(x, shape=(batch * s, k))
    return reshape_p(permute_dims(x, (1, 0, 2, 3)), shape=(groups, batch * s, k))
