"""The main namespace's linear algebra, in the standard's order."""

from typing import Any

from gpubp.testing.cases.draw import reals
from gpubp.testing.cases.row import case, row


def product(xp: Any, x: Any, y: Any) -> Any:
    return xp.matmul(x, y)


ROWS = [
    row(
        "matmul",
        case("matrices", product, reals(2, 3), reals(3, 4)),
        case("vector left", product, reals(3), reals(3, 2)),
        case("vector right", product, reals(2, 3), reals(3)),
        case("vectors", product, reals(3), reals(3)),
        case("stacks", product, reals(2, 1, 2, 3), reals(2, 3, 2)),
        case("stack, matrix", product, reals(2, 2, 3), reals(3, 2)),
        case("stack, vector", product, reals(2, 2, 3), reals(3)),
        case("vector, stack", product, reals(3), reals(2, 3, 2)),
        case("itself", lambda xp, x: xp.matmul(x, x), reals(2, 2)),
        case("nothing summed", product, reals(2, 0), reals(0, 2)),
        complex=True,
    ),
    row(
        "matrix_transpose",
        case("matrix", lambda xp, x: xp.matrix_transpose(x), reals(2, 3)),
        case("stack", lambda xp, x: xp.matrix_transpose(x), reals(2, 2, 3)),
        complex=True,
    ),
    row(
        "tensordot",
        case("two axes", lambda xp, x, y: xp.tensordot(x, y), reals(2, 3, 2), reals(3, 2, 2)),
        case("one axis", lambda xp, x, y: xp.tensordot(x, y, axes=1), reals(2, 3), reals(3, 2)),
        case("outer", lambda xp, x, y: xp.tensordot(x, y, axes=0), reals(2), reals(3)),
        case(
            "named axes",
            lambda xp, x, y: xp.tensordot(x, y, axes=((0, -1), (1, 0))),
            reals(2, 3, 2),
            reals(2, 2, 3),
        ),
        complex=True,
    ),
    row(
        "vecdot",
        case("vectors", lambda xp, x, y: xp.vecdot(x, y), reals(3), reals(3)),
        case("axis", lambda xp, x, y: xp.vecdot(x, y, axis=-2), reals(2, 3, 2), reals(2, 3, 2)),
        case("broadcast", lambda xp, x, y: xp.vecdot(x, y), reals(2, 1, 3), reals(2, 3)),
        complex=True,
    ),
]
