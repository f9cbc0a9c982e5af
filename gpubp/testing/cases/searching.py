"""Searching, sorting and set functions, in the standard's order."""

from gpubp.testing.cases.draw import bools, distinct, fixed, integers, reals
from gpubp.testing.cases.row import case, row

STRICT = ("strict", "strict-device1")  # array-api-strict 2.6 ignores `invert`

ROWS = [
    row(
        "argmax",
        case("all", lambda xp, x: xp.argmax(x), distinct(2, 3)),
        case("axis", lambda xp, x: xp.argmax(x, axis=-1), distinct(2, 3)),
        case("keepdims", lambda xp, x: xp.argmax(x, axis=0, keepdims=True), distinct(2, 3)),
    ),
    row(
        "argmin",
        case("all", lambda xp, x: xp.argmin(x), distinct(2, 3)),
        case("axis", lambda xp, x: xp.argmin(x, axis=0), distinct(2, 3)),
        case("keepdims", lambda xp, x: xp.argmin(x, axis=1, keepdims=True), distinct(2, 3)),
    ),
    row(
        "count_nonzero",
        case("all", lambda xp, x: xp.count_nonzero(x), fixed([[0.0, 1.0], [2.0, 0.0]])),
        case("axis", lambda xp, n: xp.count_nonzero(n, axis=0), integers(2, 3)),
        case("keepdims", lambda xp, n: xp.count_nonzero(n, axis=-1, keepdims=True), bools(2, 3)),
    ),
    row(
        "nonzero",
        case("matrix", lambda xp, x: xp.nonzero(x), fixed([[0.0, 1.0], [2.0, 0.0]])),
        case("used", lambda xp, x: x[xp.nonzero(x > 0)[0]], distinct(4)),
        vmap=False,
    ),
    row(
        "searchsorted",
        case("left", lambda xp, x, v: xp.searchsorted(x, v), fixed([-1.0, 0.0, 1.0]), reals(4)),
        case(
            "right",
            lambda xp, x, v: xp.searchsorted(x, v, side="right"),
            fixed([-1.0, 0.0, 1.0]),
            fixed([[0.0, 0.5], [1.0, -2.0]]),
        ),
        case(
            "sorter",
            lambda xp, x, v: xp.searchsorted(x, v, sorter=xp.argsort(x)),
            distinct(4),
            reals(3),
        ),
    ),
    row(
        "where",
        case(
            "same shape",
            lambda xp, c, x, y: xp.where(c, x, y),
            bools(2, 3),
            reals(2, 3),
            reals(2, 3),
        ),
        case("broadcast", lambda xp, c, x, y: xp.where(c, x, y), bools(2, 1), reals(3), reals()),
        case("scalar", lambda xp, c, x: xp.where(c, x, 0.0), bools(3), reals(3)),
        case("scalar first", lambda xp, x: xp.where(x > 0, 1.0, x), distinct(4)),
        case("condition of x", lambda xp, x: xp.where(x > 0, x, -2.0 * x), distinct(4)),
        complex=False,
    ),
    row(
        "isin",
        case("arrays", lambda xp, n, m: xp.isin(n, m), integers(2, 3), integers(2)),
        case(
            "inverted",
            lambda xp, n, m: xp.isin(n, m, invert=True),
            integers(3),
            integers(2),
            filled=STRICT,
        ),
    ),
    row(
        "unique_all",
        case("integers", lambda xp, n: xp.unique_all(n), integers(5), filled=("torch",)),
        vmap=False,
    ),
    row(
        "unique_counts",
        case("integers", lambda xp, n: xp.unique_counts(n), integers(5)),
        vmap=False,
    ),
    row(
        "unique_inverse",
        case("integers", lambda xp, n: xp.unique_inverse(n), integers(5)),
        vmap=False,
    ),
    row(
        "unique_values",
        case("integers", lambda xp, n: xp.sort(xp.unique_values(n)), integers(5)),
        case("reals", lambda xp, x: xp.sort(xp.unique_values(x)), distinct(4)),
        vmap=False,
    ),
    row(
        "argsort",
        case("last axis", lambda xp, x: xp.argsort(x), distinct(2, 3)),
        case(
            "axis, descending",
            lambda xp, x: xp.argsort(x, axis=0, descending=True),
            distinct(3, 2),
            numpy_function=False,
        ),
        case("used", lambda xp, x: xp.take(x, xp.argsort(x)) * x, distinct(4)),
    ),
    row(
        "sort",
        case("last axis", lambda xp, x: xp.sort(x), distinct(2, 3)),
        case("axis", lambda xp, x: xp.sort(x, axis=0), distinct(3, 2)),
        case(
            "descending",
            lambda xp, x: xp.sort(x, axis=-1, descending=True),
            distinct(4),
            numpy_function=False,
        ),
        case("empty", lambda xp, x: xp.sort(x), distinct(0)),
    ),
]
