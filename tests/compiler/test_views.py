"""The table of views against NumPy's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpubp.compiler.views import VIEWS, Layout
from gpubp.core.backend import get_backend
from gpubp.core.primitive import PRIMITIVES

BUFFER = np.arange(120)


def array(layout):
    """The elements of a layout, as NumPy's constructor lays them out."""
    size = BUFFER.itemsize
    strides = [s * size for s in layout.strides]
    return np.ndarray(layout.shape, BUFFER.dtype, BUFFER, layout.offset * size, strides)


@st.composite
def steps(draw):
    """A few views one on top of the other, by name and parameters."""
    shape = draw(st.sampled_from([(120,), (8, 15), (2, 3, 4, 5), (1, 120), (5, 1, 24)]))
    start, found = shape, []
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(sorted(VIEWS)))
        axes = range(len(shape))
        if name == "permute_dims":
            params = {"axes": tuple(draw(st.permutations(axes)))}
        elif name == "flip":
            params = {"axis": tuple(a for a in axes if draw(st.booleans()))}
        elif name == "broadcast_to":
            params = {"shape": (2, *[3 if n == 1 else n for n in shape])}
        elif name == "slice":
            params = {"spec": tuple(draw(part(n)) for n in shape)}
        else:
            params = {"shape": draw(st.sampled_from(factorings(int(np.prod(shape)))))}
        found.append((name, params))
        shape = PRIMITIVES[name].lower(get_backend("numpy"))(np.empty(shape), **params).shape
    return start, found


def part(length):
    if length == 0:
        return st.just((0, 0, 1))
    slices = st.tuples(st.integers(0, length - 1), st.just(length), st.integers(1, 3))
    return slices | st.integers(0, length - 1)


def factorings(size):
    pairs = [(k, size // k) for k in range(1, size + 1) if size % k == 0] if size else [(0, 1)]
    return [(size,), *pairs, *[(a, 1, b) for a, b in pairs]]


@given(steps())
def test_each_view_has_the_elements_that_numpy_gives(case):
    shape, applied = case
    layout = Layout.contiguous(shape)
    expected = BUFFER.reshape(shape)
    for name, params in applied:
        expected = PRIMITIVES[name].lower(get_backend("numpy"))(expected, **params)
        found = VIEWS[name](layout, **params)
        if found is None:
            assert name == "reshape"
            assert not np.shares_memory(expected, BUFFER)
            return
        layout = found
        np.testing.assert_array_equal(array(layout), expected)
        assert layout.is_contiguous() == array(layout).flags.c_contiguous


@pytest.mark.parametrize(
    ("strides", "offset", "expected"),
    [((3, 1), 0, True), ((1, 2), 0, True), ((0, 1), 0, False), ((3, 1), 1, False)],
)
def test_a_layout_fills_its_buffer_only_with_every_element_once(strides, offset, expected):
    assert Layout((2, 3), strides, offset).fills(6) == expected
