"""Axes that are tied are walked by the same loops, whatever shape each value gives them."""

import numpy as np
import pytest

from compiler.build import Builder
from gpubp.compiler.passes.axes import Loops, Untied, flat, fresh, resolve
from gpubp.compiler.passes.views import VIEWS, walk


def lengths(axes):
    return [pace.loop.length for pace in flat(axes)]


def loops(axes):
    return [pace.loop for pace in flat(axes)]


def test_an_axis_of_length_one_has_no_loop():
    assert [len(axis) for axis in fresh((3, 1, 4))] == [1, 0, 1]
    assert [pace.stride for pace in flat(fresh((3, 1, 4)))] == [4, 1]


def test_tied_axes_split_where_lengths_differ():
    one, other = fresh((6, 5)), fresh((2, 3, 5))
    all_loops = Loops()
    all_loops.tie(one[0], other[0] + other[1])
    all_loops.tie(one[1], other[2])
    assert loops(one) == loops(other)
    assert lengths(one) == [2, 3, 5]
    assert [pace.stride for pace in resolve(one[0])] == [15, 5]


def test_splits_meet_splits():
    a, b = fresh((4, 3)), fresh((2, 6))
    all_loops = Loops()
    all_loops.tie(a[0] + a[1], b[0] + b[1])
    assert lengths(a) == [2, 2, 3]
    assert loops(a) == loops(b)


def test_lengths_that_no_split_brings_together():
    a, b = fresh((4, 9)), fresh((6, 6))
    with pytest.raises(Untied):
        Loops().tie(a[0] + a[1], b[0] + b[1])


def test_undo():
    a, b, c = fresh((6,)), fresh((2, 3)), fresh((3, 2))
    all_loops = Loops()
    mark = all_loops.mark()
    all_loops.tie(a[0], b[0] + b[1])
    all_loops.undo(mark)
    assert lengths(a) == [6]
    all_loops.tie(a[0], c[0] + c[1])
    assert lengths(a) == [3, 2]
    assert lengths(b) == [2, 3]


PATHS = [
    ((6, 4), [("reshape", {"shape": (2, 3, 4)}), ("permute_dims", {"axes": (1, 2, 0)})]),
    ((6, 4), [("permute_dims", {"axes": (1, 0)}), ("reshape", {"shape": (4, 3, 2)})]),
    ((4,), [("reshape", {"shape": (4, 1)}), ("broadcast_to", {"shape": (2, 4, 3)})]),
    ((5, 6), [("slice", {"spec": ((1, 5, 2), (0, 6, 3))}), ("flip", {"axis": (0,)})]),
    ((5, 6), [("slice", {"spec": (3, (0, 6, 1))}), ("reshape", {"shape": (2, 3)})]),
    ((6, 4), [("reshape", {"shape": (3, 8)}), ("flip", {"axis": (0, 1)})]),
    ((6, 4), [("flip", {"axis": (0,)}), ("reshape", {"shape": (2, 3, 4)})]),
    ((2, 3, 4), [("permute_dims", {"axes": (1, 0, 2)}), ("reshape", {"shape": (6, 4)})]),
    ((6, 4), [("reshape", {"shape": (2, 3, 4)}), ("slice", {"spec": ((0, 2, 1), 1, (1, 3, 1))})]),
    ((3, 1), [("broadcast_to", {"shape": (3, 4)}), ("reshape", {"shape": (12,)})]),
    ((3, 4), [("stop_gradient", {}), ("reshape", {"shape": (1, 12, 1)})]),
]


@pytest.mark.parametrize(("shape", "path"), PATHS)
def test_a_walk_through_views_meets_their_elements(shape, path):
    b = Builder()
    x = value = b.input(*shape, dtype="int64")
    array = np.arange(x.shape[0] * int(np.prod(x.shape[1:]))).reshape(shape)
    expected = array
    for name, params in path:
        value = b.apply(name, value, **params)
        expected = b.program.operations[-1].primitive(expected, **params)
    axes, offset = walk(Loops(), fresh(shape), tuple(b.program.operations))
    at = np.full((), offset)
    for pace in flat(axes):
        at = at[..., None] + np.arange(pace.loop.length) * pace.stride
    np.testing.assert_array_equal(array.reshape(-1)[at].reshape(value.shape), expected)


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        ((4, 9), [("permute_dims", {"axes": (1, 0)}), ("reshape", {"shape": (6, 6)})]),
        ((6, 4), [("permute_dims", {"axes": (1, 0)}), ("reshape", {"shape": (24,)}),
                  ("slice", {"spec": ((0, 5, 1),)})]),
    ],
)  # fmt: skip
def test_views_that_no_strides_express(shape, path):
    b = Builder()
    value = b.input(*shape)
    for name, params in path:
        value = b.apply(name, value, **params)
    with pytest.raises(Untied):
        walk(Loops(), fresh(shape), tuple(b.program.operations))


def test_every_view_has_a_path():
    assert set(VIEWS) == {name for _, path in PATHS for name, _ in path}
