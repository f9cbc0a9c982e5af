"""Data type functions: those that answer about types are used so that the answer is seen."""

from gpubp.testing.cases.draw import integers, off_integers, reals
from gpubp.testing.cases.row import case, row

OUTSIDE = {"numpy_function": False}

ROWS = [
    row(
        "astype",
        case("same", lambda xp, x: xp.astype(x, x.dtype), reals(3), complex=True),
        case("to float64", lambda xp, x: xp.astype(x, xp.float64), reals(3)),
        case("to complex", lambda xp, x: xp.astype(x, xp.complex128), reals(3)),
        case("to integers", lambda xp, x: xp.astype(x, xp.int64), off_integers(3)),
        case(
            "of integers",
            lambda xp, n, x: xp.astype(n, xp.float64) * xp.astype(x, xp.float64),
            integers(3),
            reals(3),
        ),
    ),
    row(
        "broadcast_shapes",
        case(
            "used",
            lambda xp, x, y: xp.broadcast_to(x, xp.broadcast_shapes(x.shape, y.shape)),
            reals(3),
            reals(2, 1),
        ),
    ),
    row(
        "can_cast",
        case("used", lambda xp, x: x * float(xp.can_cast(x, xp.complex128)), reals(2)),
        **OUTSIDE,
    ),
    row(
        "finfo",
        case("used", lambda xp, x: x * float(xp.finfo(x.dtype).max > 1e30), reals(2)),
        **OUTSIDE,
    ),
    row(
        "iinfo", case("used", lambda xp, n: n + int(xp.iinfo(n.dtype).bits), integers(2)), **OUTSIDE
    ),
    row(
        "isdtype",
        case(
            "used",
            lambda xp, x: x * (2.0 if xp.isdtype(x.dtype, "real floating") else 3.0),
            reals(2),
            complex=True,
        ),
        **OUTSIDE,
    ),
    row(
        "result_type",
        case(
            "used",
            lambda xp, x, y: xp.astype(x, xp.result_type(x, y)) * y,
            reals(2),
            reals(2),
            complex=True,
        ),
        **OUTSIDE,
    ),
]
