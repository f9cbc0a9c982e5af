"""Creation functions, as a traced array's namespace offers them."""

from gpubp.testing.cases.draw import reals
from gpubp.testing.cases.row import case, row

OUTSIDE = {"numpy_function": False}  # nothing traced in the call: NumPy's own can't see it

ROWS = [
    row(
        "arange", case("steps", lambda xp, x: xp.arange(3, dtype=x.dtype) * x, reals(3)), **OUTSIDE
    ),
    row(
        "asarray",
        case("traced", lambda xp, x: xp.asarray(x) * 2.0, reals(2, 2)),
        case("copied", lambda xp, x: xp.asarray(x, copy=True), reals(2)),
        case("number", lambda xp, x: x * xp.asarray(2.0, dtype=x.dtype), reals(2)),
        case("list", lambda xp, x: x + xp.asarray([1.0, 2.0], dtype=x.dtype), reals(2)),
        case(
            "list of traced",
            lambda xp, x: xp.asarray([x[1], x[0] * 2.0]),
            reals(2),
            lacking=("strict", "strict-device1"),
        ),
        complex=True,
        **OUTSIDE,
    ),
    row(
        "empty",
        case("shape", lambda xp, x: x * xp.empty((2, 0), dtype=x.dtype), reals(2, 1)),
        **OUTSIDE,
    ),
    row(
        "empty_like",
        case(
            "values unused",
            lambda xp, x: x + 0.0 * xp.astype(xp.isnan(xp.empty_like(x)), x.dtype),
            reals(2),
        ),
        **OUTSIDE,
    ),
    row(
        "eye",
        case("square", lambda xp, x: x * xp.eye(3, dtype=x.dtype), reals(3, 3)),
        case("diagonal", lambda xp, x: x * xp.eye(2, 3, k=1, dtype=x.dtype), reals(2, 3)),
        **OUTSIDE,
    ),
    row(
        "full",
        case("shape", lambda xp, x: x * xp.full((2, 3), 2.5, dtype=x.dtype), reals(3)),
        **OUTSIDE,
    ),
    row(
        "full_like",
        case("number", lambda xp, x: x * xp.full_like(x, 2.5), reals(2, 3)),
        complex=True,
    ),
    row(
        "linspace",
        case("points", lambda xp, x: x * xp.linspace(0.0, 1.0, 4, dtype=x.dtype), reals(4)),
        case(
            "open",
            lambda xp, x: x * xp.linspace(1.0, 0.0, 4, endpoint=False, dtype=x.dtype),
            reals(4),
        ),
        **OUTSIDE,
    ),
    row(
        "meshgrid",
        case("xy", lambda xp, x, y: tuple(xp.meshgrid(x, y)), reals(2), reals(3)),
        case("ij", lambda xp, x, y: tuple(xp.meshgrid(x, y, indexing="ij")), reals(2), reals(3)),
        case(
            "three", lambda xp, x, y, z: tuple(xp.meshgrid(x, y, z)), reals(2), reals(1), reals(2)
        ),
        complex=True,
    ),
    row(
        "ones", case("shape", lambda xp, x: x + xp.ones((2, 3), dtype=x.dtype), reals(3)), **OUTSIDE
    ),
    row("ones_like", case("of x", lambda xp, x: x + xp.ones_like(x), reals(2)), complex=True),
    row(
        "tril",
        case("matrix", lambda xp, x: xp.tril(x), reals(3, 3)),
        case("below", lambda xp, x: xp.tril(x, k=-1), reals(2, 2, 3)),
        complex=True,
    ),
    row(
        "triu",
        case("matrix", lambda xp, x: xp.triu(x), reals(3, 3)),
        case("above", lambda xp, x: xp.triu(x, k=1), reals(2, 3, 2)),
        complex=True,
    ),
    row(
        "zeros",
        case("shape", lambda xp, x: x + xp.zeros((2, 3), dtype=x.dtype), reals(3)),
        **OUTSIDE,
    ),
    row("zeros_like", case("of x", lambda xp, x: xp.zeros_like(x), reals(2)), complex=True),
]
