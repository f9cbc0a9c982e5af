"""Indexing functions of the standard, and the array object's own indexing and assignment."""

from collections.abc import Callable
from typing import Any

from gpubp.testing.cases.draw import bools, distinct, fixed, integers, reals, unbatched
from gpubp.testing.cases.row import case, row

NOT_STANDARD = ("strict", "strict-device1")  # arrays mixed with slices, masks with other indices


def assigned(write: Callable[..., Any]) -> Callable[..., Any]:
    """The copy of an array after a write to it."""

    def call(xp: Any, x: Any, *values: Any) -> Any:
        x = xp.asarray(x, copy=True)
        write(x, *values)
        return x

    return call


def at(index: Any) -> Callable[..., Any]:
    """Assignment to one place, as an expression."""
    return assigned(lambda x, v: x.__setitem__(index, v))


def through_view(x: Any, v: Any) -> None:
    view = x[1:]
    view[0] = v


def added_in_place(x: Any, v: Any) -> None:
    x[0, :] += v


ROWS = [
    row(
        "take",
        case("axis", lambda xp, x, i: xp.take(x, i, axis=1), reals(2, 4), integers(3)),
        case("negative axis", lambda xp, x, i: xp.take(x, i, axis=-2), reals(3, 2), integers(2)),
        case("vector", lambda xp, x, i: xp.take(x, i), reals(3), fixed([2, 0, 2, 2])),
        case("none", lambda xp, x, i: xp.take(x, i, axis=0), reals(3, 2), integers(0)),
        complex=True,
    ),
    row(
        "take_along_axis",
        case("last axis", lambda xp, x, i: xp.take_along_axis(x, i), reals(2, 3), integers(2, 4)),
        case(
            "axis 0", lambda xp, x, i: xp.take_along_axis(x, i, axis=0), reals(3, 2), integers(1, 2)
        ),
        case(
            "by argsort",
            lambda xp, x: xp.take_along_axis(x, xp.argsort(x, axis=-1), axis=-1),
            distinct(2, 3),
            complex=False,
        ),
        complex=True,
    ),
    row(
        "getitem",
        case("integer", lambda xp, x: x[1], reals(3)),
        case("integers", lambda xp, x: x[1, -1], reals(2, 3)),
        case("slice", lambda xp, x: x[1:3], reals(4)),
        case("fewer indices", lambda xp, x: x[1:3], reals(4, 2), lacking=NOT_STANDARD),
        case("steps", lambda xp, x: x[::2, 1:], reals(3, 3)),
        case("negative step", lambda xp, x: x[::-1], reals(4), filled=("torch",)),
        case("negative steps", lambda xp, x: x[3:0:-2, ::-1], reals(4, 3), filled=("torch",)),
        case("ellipsis", lambda xp, x: x[..., 0], reals(2, 1, 3)),
        case("new axis", lambda xp, x: x[:, None, 1], reals(2, 3)),
        case("all of 0-d", lambda xp, x: x[()], reals()),
        case("nothing", lambda xp, x: x[2:2], reals(3)),
        case("index array", lambda xp, x, i: x[i], reals(4), fixed([2, 0, 2])),
        case("negative in an array", lambda xp, x, i: x[i], reals(4), fixed([-1, 0, -4])),
        case("index matrix", lambda xp, x, i: x[i], reals(4), integers(2, 2)),
        case("index arrays", lambda xp, x, i, j: x[i, j], reals(3, 3), integers(2), integers(2)),
        case(
            "broadcast arrays",
            lambda xp, x, i, j: x[i, j],
            reals(3, 3),
            integers(2, 1),
            integers(2),
        ),
        case("array and integer", lambda xp, x, i: x[i, 1], reals(3, 3), integers(2)),
        case("rows", lambda xp, x, i: x[i, :], reals(3, 2), integers(2), lacking=NOT_STANDARD),
        case("columns", lambda xp, x, i: x[:, i], reals(2, 3), integers(2), lacking=NOT_STANDARD),
        case(
            "split arrays",
            lambda xp, x, i: x[i, :, i],
            reals(3, 2, 3),
            integers(2),
            lacking=NOT_STANDARD,
        ),
        case(
            "array and slice",
            lambda xp, x, i: x[1:, i, None],
            reals(3, 3),
            integers(2),
            lacking=NOT_STANDARD,
        ),
        case("mask", lambda xp, x, m: x[m], reals(2, 3), unbatched(bools(2, 3))),
        case(
            "mask of rows",
            lambda xp, x, m: x[m, :],
            reals(3, 2),
            unbatched(bools(3)),
            lacking=NOT_STANDARD,
        ),
        case("0-d mask", lambda xp, x: x[x > -5.0], reals(), vmap=False, complex=False),
        case("mask by value", lambda xp, x: x[x > 0], distinct(5), vmap=False, complex=False),
        complex=True,
    ),
    row(
        "setitem",
        case("integer", at(1), reals(3), reals()),
        case("number", assigned(lambda x: x.__setitem__(slice(1, None), 2.5)), reals(3)),
        case("slice", at((slice(1, 3), slice(None))), reals(4, 2), reals(2, 2)),
        case("broadcast value", at((slice(None), 0)), reals(2, 3), reals()),
        case("row", at((slice(None), slice(0, 2))), reals(2, 3), reals(2)),
        case("all", at(Ellipsis), reals(2, 2), reals(2, 1)),
        case("negative step", at(slice(None, None, -1)), reals(3), reals(3), filled=("torch",)),
        case(
            "index array",
            assigned(lambda x, i, v: x.__setitem__(i, v)),
            reals(4),
            fixed([2, 0]),
            reals(2),
            lacking=NOT_STANDARD,
        ),
        case(
            "index arrays",
            assigned(lambda x, i, j, v: x.__setitem__((i, j), v)),
            reals(3, 3),
            fixed([0, 2]),
            fixed([1, 1]),
            reals(2),
            lacking=NOT_STANDARD,
        ),
        case(
            "array and slice",
            assigned(lambda x, i, v: x.__setitem__((slice(None), i), v)),
            reals(2, 3),
            fixed([2, 0]),
            reals(2, 2),
            lacking=NOT_STANDARD,
        ),
        case(
            "mask, number", assigned(lambda x, m: x.__setitem__(m, 0.5)), reals(2, 3), bools(2, 3)
        ),
        case(
            "mask, 0-d",
            assigned(lambda x, m, v: x.__setitem__(m, v)),
            reals(2, 3),
            bools(2, 3),
            reals(),
        ),
        case(
            "mask, values",
            assigned(lambda x, m, v: x.__setitem__(m, v)),
            reals(4),
            unbatched(fixed([True, False, True, False])),
            reals(2),
        ),
        case("through a view", assigned(through_view), reals(3), reals()),
        case("added in place", assigned(added_in_place), reals(2, 3), reals(3)),
        case(
            "from itself", assigned(lambda x: x.__setitem__(slice(1, None), x[:-1] * 2.0)), reals(4)
        ),
        complex=True,
        numpy_function=False,  # makes its copy by asarray, which NumPy keeps to itself
    ),
]
