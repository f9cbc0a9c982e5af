"""``np.einsum``: each pair of operands becomes one stacked matrix product."""

from __future__ import annotations

import math
import string
from typing import Any

from gpubp.errors import ArgumentError
from gpubp_numpy.protocols.linalg import diagonal
from gpubp_numpy.protocols.operands import array

# Labels of axes that are given as numbers, in their order.
_LETTERS = string.ascii_uppercase + string.ascii_lowercase
# Labels of the axes that an ellipsis stands for, the last axis first.
_ELLIPSIS = [chr(0x2460 + i) for i in range(32)]


def einsum(xp: Any, subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    """Operands are taken in the order given; ``optimize`` is accepted and changes nothing."""
    if not isinstance(subscripts, str):
        subscripts, operands = _of_lists((subscripts, *operands))
    arrays = [array(xp, x) for x in operands]
    terms, result = _parse(subscripts, arrays)
    lengths = _lengths(terms, arrays)
    for i, x in enumerate(arrays):
        terms[i], arrays[i] = _diagonals(xp, terms[i], x)
    term, x = terms[0], arrays[0]
    for i in range(1, len(arrays)):
        later = set(result).union(*terms[i + 1 :])
        term, x = _contract(xp, term, x, terms[i], arrays[i], later, lengths)
    term, x = _sum(xp, term, x, set(result))
    x = xp.permute_dims(x, tuple(term.index(label) for label in result))
    return xp.broadcast_to(x, tuple(lengths[label] for label in result))


def _of_lists(operands: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The form ``einsum(x, [0, 1], y, [1, 2], [0, 2])`` as subscripts and operands."""
    terms = ["".join("..." if i is Ellipsis else _LETTERS[i] for i in t) for t in operands[1::2]]
    if len(operands) % 2 == 0:
        return ",".join(terms), operands[::2]
    result = "".join("..." if i is Ellipsis else _LETTERS[i] for i in operands[-1])
    return f"{','.join(terms)}->{result}", operands[:-1:2]


def _parse(subscripts: str, arrays: list[Any]) -> tuple[list[str], str]:
    """One label per axis for each operand and for the result."""
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(arrays):
        raise ArgumentError(
            f"numpy.einsum: {subscripts!r} names {len(terms)} operands, given {len(arrays)}"
        )
    widest = ""
    for i, x in enumerate(arrays):
        named = terms[i].replace("...", "")
        extra = x.ndim - len(named)
        if extra < 0 or (extra and "..." not in terms[i]):
            raise ArgumentError(
                f"numpy.einsum: {terms[i]!r} names {len(named)} axes, operand {i} has {x.ndim}"
            )
        labels = "".join(reversed(_ELLIPSIS[:extra]))
        widest = max(widest, labels, key=len)
        terms[i] = terms[i].replace("...", labels)
    if not arrow:
        named = "".join(terms)
        once = sorted(c for c in set(named) - set(widest) if named.count(c) == 1)
        return terms, widest + "".join(once)
    result = result.replace("...", widest)
    unknown = sorted(set(result) - set("".join(terms)))
    if unknown or len(set(result)) < len(result):
        raise ArgumentError(
            f"numpy.einsum: the result of {subscripts!r} must name each axis once, and axes of the "
            "operands only"
        )
    return terms, result


def _lengths(terms: list[str], arrays: list[Any]) -> dict[str, int]:
    lengths: dict[str, int] = {}
    for term, x in zip(terms, arrays, strict=True):
        for label, n in zip(term, x.shape, strict=True):
            known = lengths.setdefault(label, n)
            if n != known and 1 not in (n, known):
                raise ArgumentError(f"numpy.einsum: axes {label!r} have lengths {known} and {n}")
            lengths[label] = n if known == 1 else known
    return lengths


def _diagonals(xp: Any, term: str, x: Any) -> tuple[str, Any]:
    """A label that one operand repeats means its diagonal."""
    for label in term:
        while term.count(label) > 1:
            first, second = term.index(label), term.rindex(label)
            x = diagonal(xp, x, 0, first, second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + label
    return term, x


def _sum(xp: Any, term: str, x: Any, needed: set[str]) -> tuple[str, Any]:
    """Sum over the axes that nothing needs any more."""
    axes = tuple(i for i, label in enumerate(term) if label not in needed)
    kept = "".join(label for label in term if label in needed)
    return kept, xp.sum(x, axis=axes, dtype=x.dtype) if axes else x


def _contract(
    xp: Any, left: str, x: Any, right: str, y: Any, later: set[str], lengths: dict[str, int]
) -> tuple[str, Any]:
    """The product of two operands, summed over the axes that only they share."""
    left, x = _sum(xp, left, x, later | set(right))
    right, y = _sum(xp, right, y, later | set(left))
    shared = [c for c in left if c in right]
    stack = "".join(c for c in shared if c in later)
    inner = "".join(c for c in shared if c not in later)
    rows = "".join(c for c in left if c not in right)
    columns = "".join(c for c in right if c not in left)

    def arranged(term: str, z: Any, order: str, split: int) -> Any:
        """Axes in this order, those after the stack's as a matrix; lengths of 1 repeated."""
        z = xp.permute_dims(z, tuple(term.index(c) for c in order))
        full = tuple(lengths[c] for c in order)
        z = xp.broadcast_to(z, full)
        n = len(stack)
        return xp.reshape(
            z, (*full[:n], math.prod(full[n : n + split]), math.prod(full[n + split :]))
        )

    a = arranged(left, x, stack + rows + inner, len(rows))
    b = arranged(right, y, stack + inner + columns, len(inner))
    product = stack + rows + columns
    return product, xp.reshape(xp.matmul(a, b), tuple(lengths[c] for c in product))
