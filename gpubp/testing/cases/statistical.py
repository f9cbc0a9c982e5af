"""Statistical functions, in the standard's order, and those of the utility section."""

from typing import Any

from gpubp.testing.cases.draw import bools, distinct, fixed, integers, nonzero, reals
from gpubp.testing.cases.row import Entry, Row, case, row


def reduction(name: str, domain: Any, *more: Entry, empty: bool = False, **flags: Any) -> Row:
    """A function that reduces axes: each way to name them."""

    def by(**kwargs: Any) -> Any:
        return lambda xp, x: getattr(xp, name)(x, **kwargs)

    cases = [
        case("all axes", by(), domain(2, 3)),
        case("axis", by(axis=1), domain(2, 3)),
        case("negative axis, keepdims", by(axis=-2, keepdims=True), domain(2, 3, 2)),
        case("axes", by(axis=(0, -1)), domain(2, 3, 2)),
        case("all, keepdims", by(keepdims=True), domain(2, 2)),
        case("0-d", by(), domain()),
    ]
    if empty:
        cases.append(case("empty axis", by(axis=0), domain(0, 2)))
    return row(name, *cases, *more, **flags)


def scan(name: str, *more: Entry, **flags: Any) -> Row:
    """A running reduction along an axis."""

    def by(**kwargs: Any) -> Any:
        return lambda xp, x: getattr(xp, name)(x, **kwargs)

    return row(
        name,
        case("vector", by(), nonzero(4)),
        case("axis", by(axis=0), nonzero(3, 2)),
        case("negative axis", by(axis=-1), nonzero(2, 3)),
        case("initial", by(axis=1, include_initial=True), nonzero(2, 3)),
        case("vector, initial", by(include_initial=True), nonzero(3)),
        case("empty", by(axis=0), nonzero(0, 2)),
        *more,
        **flags,
    )


def difference(**kwargs: Any) -> Any:
    return lambda xp, x: xp.diff(x, **kwargs)


ROWS = [
    scan(
        "cumulative_prod",
        case("a zero", lambda xp, x: xp.cumulative_prod(x), fixed([1.5, 0.0, -2.0, 0.7])),
        case("two zeros", lambda xp, x: xp.cumulative_prod(x), fixed([0.0, 1.5, 0.0, -2.0])),
        complex=True,
    ),
    scan("cumulative_sum", complex=True),
    reduction("max", distinct),
    reduction("mean", reals, complex=True),
    reduction("min", distinct),
    reduction(
        "prod",
        nonzero,
        case("a zero", lambda xp, x: xp.prod(x), fixed([1.5, 0.0, -2.0])),
        case(
            "two zeros",
            lambda xp, x: xp.prod(x, axis=0),
            fixed([[1.5, 0.0], [0.0, 2.0], [0.0, 3.0]]),
        ),
        complex=True,
        empty=True,
    ),
    reduction(
        "std",
        distinct,
        case("correction", lambda xp, x: xp.std(x, axis=0, correction=1), distinct(3, 2)),
        case(
            "real correction",
            lambda xp, x: xp.std(x, correction=0.5),
            distinct(3),
            filled=("torch",),
        ),
    ),
    reduction(
        "sum",
        reals,
        case("of integers", lambda xp, n: xp.sum(n, axis=0), integers(3, 2)),
        complex=True,
        empty=True,
    ),
    reduction(
        "var",
        reals,
        case("correction", lambda xp, x: xp.var(x, axis=-1, correction=1), reals(2, 3)),
        case("real correction", lambda xp, x: xp.var(x, correction=0.5), reals(3)),
    ),
    reduction("all", bools, empty=True),
    reduction("any", bools, empty=True),
    row(
        "diff",
        case("vector", difference(), reals(4)),
        case("axis", difference(axis=0), reals(3, 2)),
        case("twice", difference(n=2), reals(2, 4)),
        case("not at all", lambda xp, x, a: xp.diff(x, n=0, prepend=a), reals(3), reals(1)),
        case(
            "prepend, append",
            lambda xp, x, a, b: xp.diff(x, axis=0, prepend=a, append=b),
            reals(2, 2),
            reals(1, 2),
            reals(1, 2),
        ),
        complex=True,
    ),
]
