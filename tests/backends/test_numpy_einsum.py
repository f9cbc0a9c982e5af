"""``np.einsum`` on traced arrays: its values, and its derivatives by the differences law."""

import numpy as np
import pytest

import gpubp
from backends.numpy_rows import C, M, N, S, T, V, W, same
from gpubp.errors import ArgumentError
from gpubp.testing import check_grads

ROWS = [
    ("i->", V),
    ("i,i", V, W),
    ("i,j->ij", V, W),
    ("i,j->ji", V, W),
    ("ij->ji", M),
    ("ij", M),
    ("ij->i", M),
    ("ij->", M),
    ("ii", S),
    ("ii->i", S),
    ("ij,jk->ik", M, N),
    ("ij,jk", M, N),
    ("ij,kj->ik", M, M),
    ("ij,ij->i", M, M),
    ("ij,ij->", M, M),
    ("ij,j->i", M, V),
    ("ij,jk,kl->il", M, N, M),
    ("i,ij,jk->k", V[:3], M, N),
    ("aij,ajk->aik", T, np.swapaxes(T, 1, 2)),
    ("aij,jk->aik", T, N),
    ("aij->aj", T),
    ("aij,aij->a", T, T),
    ("...ij,jk->...ik", T, N),
    ("...i,...i->...", T, T),
    ("...i,i->...", T, V),
    ("i...->...", T),
    ("...ii->...i", np.stack([S, 2 * S])),
    ("iij,j->ij", np.stack([M, 2 * M, 3 * M]), V),
    ("ij,ik->ijk", M, M),
    ("ij,jk->", M, N),
    ("ij, jk -> ki", M, N),
    ("ij,jk->ik", C, N),
    (",i->i", np.asarray(2.0), V),
    ("ij,ij->ij", M, M[:1]),
    ("i,j,k->kji", V, W, V),
]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} #{i}" for i, row in enumerate(ROWS)])
def test_values_and_derivatives(row):
    subscripts, *operands = row

    def f(*xs):
        return np.einsum(subscripts, *xs)

    found, _ = gpubp.vjp(f, *operands)
    same(found, f(*operands))
    check_grads(f, operands, order=1)


def test_under_vmap_and_with_a_raw_operand():
    out = gpubp.vmap(lambda x: np.einsum("ij,j->i", x, V))(T)
    same(out, np.einsum("aij,j->ai", T, V))


@pytest.mark.parametrize(
    ("subscripts", "operands", "text"),
    [
        ("ij,jk->ik", (M,), "names 2 operands, given 1"),
        ("ijk->i", (M,), "names 3 axes, operand 0 has 2"),
        ("i->i", (M,), "names 1 axes, operand 0 has 2"),
        ("ij->k", (M,), "must name each axis once, and axes of the operands only"),
        ("ij->ii", (M,), "must name each axis once"),
        ("ij,jk->ik", (M, M), "axes 'j' have lengths 4 and 3"),
    ],
)
def test_what_does_not_fit(subscripts, operands, text):
    with pytest.raises(ArgumentError, match=text):
        gpubp.vjp(lambda *xs: np.einsum(subscripts, *xs), *operands)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.einsum(x, [0, 1]),
        lambda x: np.einsum(x, [1, 0]),
        lambda x: np.einsum(x, [0, 1], [0]),
        lambda x: np.einsum(x, [0, 1], N, [1, 2]),
        lambda x: np.einsum(x, [5, 3], N, [3, 2], [2, 5]),
        lambda x: np.einsum(x, [Ellipsis, 1], V, [1], [Ellipsis]),
        lambda x: np.einsum(N, [1, 0], x, [Ellipsis, 1]),
    ],
)
def test_the_form_with_lists(f):
    found, _ = gpubp.vjp(f, M)
    same(found, f(M))
    check_grads(f, (M,))
