"""The array object: operators with arrays and numbers on either side, attributes, methods."""

import operator
from collections.abc import Callable
from typing import Any

import array_api_compat

from gpubp.testing.cases.draw import (
    Draw,
    bools,
    integers,
    nonzero,
    off_integers,
    positive,
    reals,
    uniform,
)
from gpubp.testing.cases.row import Row, case, row


def arithmetic(
    symbol: str,
    name: str,
    left: Callable[..., Draw],
    right: Callable[..., Draw],
    number: Any,
    **flags: Any,
) -> Row:
    """A binary operator, its reflected form and its in-place form."""
    plain, in_place = getattr(operator, name), getattr(operator, f"i{name.rstrip('_')}")

    def update(xp: Any, x: Any, y: Any) -> Any:
        x = xp.asarray(x, copy=True)
        return in_place(x, y)

    return row(
        f"__{name.rstrip('_')}__",
        case(f"x {symbol} y", lambda xp, x, y: plain(x, y), left(2, 3), right(3)),
        case(f"x {symbol} number", lambda xp, x: plain(x, number), left(3)),
        case(f"number {symbol} x", lambda xp, x: plain(number, x), right(3)),
        case(f"x {symbol}= y", update, left(2, 3), right(3), numpy_function=False),
        **flags,
    )


def comparison(symbol: str, name: str, number: Any) -> Row:
    compare = getattr(operator, name)
    return row(
        f"__{name}__",
        case(f"x {symbol} y", lambda xp, x, y: compare(x, y), reals(3), reals(3)),
        case(f"x {symbol} number", lambda xp, x: compare(x, number), reals(3)),
    )


ROWS = [
    arithmetic("+", "add", reals, reals, 1.5, complex=True),
    arithmetic("-", "sub", reals, reals, 2, complex=True),
    arithmetic("*", "mul", reals, reals, -1.5, complex=True),
    arithmetic("/", "truediv", reals, nonzero, 1.5, complex=True),
    arithmetic("//", "floordiv", off_integers, uniform(3.1, 3.4), 4.0),
    arithmetic("%", "mod", off_integers, uniform(3.1, 3.4), 4.0),
    arithmetic("**", "pow", positive, reals, 1.5, complex=True),
    row(
        "__pow__ of integers",
        case("square", lambda xp, x: x**2, reals(3), complex=True),
        case("zeroth", lambda xp, x: x**0, reals(3)),
        case("cube of either sign", lambda xp, x: x**3, nonzero(3), complex=True),
        case("inverse", lambda xp, x: x**-1, nonzero(3), complex=True),
        case(
            "negative base, 0-d array",
            lambda xp, x: x ** xp.asarray(2.0, dtype=x.dtype),
            nonzero(3),
            numpy_function=False,
        ),
    ),
    arithmetic("&", "and_", integers, integers, 3),
    arithmetic("|", "or_", integers, integers, 3),
    arithmetic("^", "xor", integers, integers, 3),
    arithmetic("<<", "lshift", integers, integers, 2),
    arithmetic(">>", "rshift", integers, integers, 2),
    comparison("<", "lt", 0.5),
    comparison("<=", "le", 0.5),
    comparison(">", "gt", 0.5),
    comparison(">=", "ge", 0.5),
    comparison("==", "eq", 0.5),
    comparison("!=", "ne", 0.5),
    row(
        "__matmul__", case("x @ y", lambda xp, x, y: x @ y, reals(2, 3), reals(3, 2)), complex=True
    ),
    row("__neg__", case("-x", lambda xp, x: -x, reals(3)), complex=True),
    row("__pos__", case("+x", lambda xp, x: +x, reals(3)), complex=True),
    row("__abs__", case("abs(x)", lambda xp, x: abs(x), nonzero(3)), complex=True),
    row("__invert__", case("~x", lambda xp, m: ~m, bools(3))),
    row("T", case("matrix", lambda xp, x: x.T, reals(2, 3)), complex=True),
    row("mT", case("stack", lambda xp, x: x.mT, reals(2, 2, 3)), complex=True),
    row(
        "to_device",
        case(
            "its own",
            lambda xp, x: array_api_compat.to_device(x, array_api_compat.device(x)) * 2.0,
            reals(2),
        ),
        complex=True,
        numpy_function=False,
    ),
    row("shape", case("used", lambda xp, x: x * float(x.shape[0] * x.ndim), reals(2, 3))),
]
