"""Kernels as the compiler makes them: reductions, broadcasting, strides, sizes, memory in place."""

import math

import numpy as np
import pytest

from backends.numpy.native.kernels import expected, kernel, operand, run, step, table
from gpubp.compiler.kernel import POINTWISE, Kernel, Operand
from gpubp.compiler.kernel import REDUCTIONS as reductions_of_kernels
from gpubp_numpy import native
from gpubp_numpy.native.operations import OPERATIONS
from gpubp_numpy.native.reductions import REDUCTIONS

if not native.available():
    pytest.skip("llvmlite is not installed", allow_module_level=True)

F = "float32"
rng = np.random.default_rng(3)


def draw(*shape, dtype=F):
    return rng.normal(size=shape).astype(dtype)


def softmax(axes):
    """Along the last of ``axes`` axes."""
    last = (axes - 1,)
    return [
        step("max", 0, over=last),
        step("subtract", 0, 1),
        step("exp", 2),
        step("sum", 3, over=last),
        step("divide", 3, 4),
    ]


def layer_norm(axes, n):
    last = (axes - 1,)
    return [
        step("sum", 0, over=last),
        step("divide", 1, (n,)),
        step("subtract", 0, 2),
        step("multiply", 3, 3),
        step("sum", 4, over=last),
        step("divide", 5, (n,)),
        step("add", 6, (1e-5,)),
        step("sqrt", 7),
        step("divide", 3, 8),
    ]


def same(found, results, arrays):
    for y, reference in zip(results, expected(found, arrays), strict=True):
        reference = np.broadcast_to(reference, found.shape)
        np.testing.assert_allclose(np.broadcast_to(y, found.shape), reference, 3e-5, 3e-5)


SHAPES = [(), (1,), (7,), (64,), (65,), (1000,), (5, 10), (3, 1), (1, 9), (33, 130), (4, 5, 6)]
SHAPES += [(0,), (3, 0), (0, 3), (2, 3, 4, 5)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [F, "float64"])
def test_pointwise(shape, dtype):
    arrays = [draw(*shape, dtype=dtype), draw(*shape[-1:], dtype=dtype), draw(dtype=dtype)]
    steps = [
        step("add", 0, 1, dtype=dtype),
        step("tanh", 3, dtype=dtype),
        step("multiply", 4, 2, dtype=dtype),
        step("greater", 5, (0,), dtype="bool"),
    ]
    found, results = kernel(arrays, steps, [5, 6], shape)
    same(found, run(found, arrays, results), arrays)


@pytest.mark.parametrize("shape", [s for s in SHAPES if 0 not in s and s], ids=str)
def test_softmax(shape):
    x = draw(*shape)
    found, results = kernel([x], softmax(len(shape)), [5, 4, 1])
    same(found, run(found, [x], results), [x])


def test_rows_that_are_too_long_to_keep_what_they_hand_on():
    x = draw(2, 100_000)
    steps = [*softmax(2), step("multiply", 5, 3)]
    found, results = kernel([x], steps, [6])
    same(found, run(found, [x], results), [x])


@pytest.mark.parametrize("shape", [(8,), (6, 40), (3, 4, 100), (20, 3)], ids=str)
def test_layer_norm(shape):
    x = draw(*shape)
    found, results = kernel([x], layer_norm(len(shape), shape[-1]), [9])
    same(found, run(found, [x], results), [x])


AXES = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]


@pytest.mark.parametrize("shape", [(5, 6, 70), (200, 3, 33), (2, 1, 3), (0, 3, 4)], ids=str)
@pytest.mark.parametrize("over", AXES, ids=str)
@pytest.mark.parametrize("op", ["sum", "max", "min", "prod"])
def test_reductions(shape, over, op):
    if op in ("max", "min") and 0 in shape:
        pytest.skip("not defined")
    x = draw(*shape) if op != "prod" else 1 + draw(*shape) / 100
    found, results = kernel([x], [step("multiply", 0, (1.5,)), step(op, 1, over=over)], [1, 2])
    same(found, run(found, [x], results), [x])


@pytest.mark.parametrize("op", ["all", "any"])
@pytest.mark.parametrize("over", [(0,), (1,), (0, 1)], ids=str)
def test_reductions_of_booleans(op, over):
    x = rng.random((40, 50)) < (0.97 if op == "all" else 0.03)
    found, results = kernel([x], [step(op, 0, dtype="bool", over=over)], [1])
    reference = getattr(np, op)(x, axis=over, keepdims=True)
    np.testing.assert_array_equal(run(found, [x], results)[0], reference)


@pytest.mark.parametrize("dtype", ["int32", "bool", "uint8"])
def test_sums_of_short_integers_are_wide(dtype):
    x = rng.integers(0, 2, (30, 40)).astype(dtype)
    wide = str(np.sum(x).dtype)
    found, results = kernel([x], [step("sum", 0, dtype=wide, over=(0, 1))], [1])
    assert run(found, [x], results)[0] == x.sum()


@pytest.mark.parametrize(
    ("given", "over"),
    [((6, 1), (0,)), ((5, 1, 7), (0,)), ((5, 1, 7), (0, 2)), ((5, 1, 7), (2,)), ((1, 6, 1), (1,))],
    ids=str,
)
def test_a_value_is_summed_once_where_it_does_not_vary(given, over):
    shape = (6, 9) if len(given) == 2 else (5, 6, 7)
    x = draw(*given)
    found, results = kernel([x], [step("sum", 0, over=over)], [1], shape)
    (y,) = run(found, [x], results)
    reference = x.sum(over, keepdims=True)
    np.testing.assert_allclose(y, np.broadcast_to(reference, y.shape), 1e-5, 1e-6)


@pytest.mark.parametrize("shape", [(5,), (100,), (4, 70), (3, 1, 5)], ids=str)
def test_index(shape):
    x = draw(*shape)
    for axis in range(len(shape)):
        steps = [step("index", dtype="int64", over=(axis,)), step("less", 1, (2,), dtype="bool")]
        found, results = kernel([x], [*steps, step("where", 2, 0, (0.0,))], [3])
        same(found, run(found, [x], results), [x])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(3, 70), (3, 9000)], ids=str)
@pytest.mark.parametrize("op", ["sum", "max", "min"])
def test_reductions_of_special_values(value, shape, op):
    x = draw(*shape)
    x[1, 5] = value
    for over in ((0,), (1,), (0, 1)):
        found, results = kernel([x], [step(op, 0, over=over)], [1])
        reference = getattr(np, op)(x, axis=over, keepdims=True)
        np.testing.assert_allclose(run(found, [x], results)[0], reference, 1e-5, 1e-5)


@pytest.mark.parametrize("shape", [(10_000_000,), (100_000, 100)], ids=str)
@pytest.mark.parametrize("dtype", [F, "float64"])
def test_long_sums_lose_nothing_with_their_length(shape, dtype):
    x = (rng.random(shape) + 0.5).astype(dtype)
    axes = len(shape)
    exact = math.fsum(x.ravel())
    found, results = kernel([x], [step("sum", 0, dtype=dtype, over=tuple(range(axes)))], [1])
    unit = np.finfo(dtype).eps / 2
    bound = 12 * unit  # 2 + log2 of at most 64 lanes, and the rounding of parts
    assert abs(float(run(found, [x], results)[0].ravel()[0]) - exact) <= bound * exact
    if axes == 2:
        found, results = kernel([x], [step("sum", 0, dtype=dtype, over=(0,))], [1])
        columns = run(found, [x], results)[0].ravel()
        exact = [math.fsum(c) for c in x.T]
        assert np.abs(columns / exact - 1).max() <= 4 * unit


def test_values_that_are_used_twice_are_computed_once():
    x = 1 + draw(70) / 100
    steps = [step("add", i, i) for i in range(100)]  # 2**100 paths lead to the input
    found, results = kernel([x], steps, [100])
    same(found, run(found, [x], results), [x])


def test_long_chains():
    x = draw(2, 70)
    steps = [step("multiply", i, (-1.0,)) for i in range(1000)]
    steps += [step("sum", 1000, over=(1,)), step("subtract", 1000, 1001)]
    found, results = kernel([x], steps, [1002])
    same(found, run(found, [x], results), [x])


def test_strided_and_transposed_operands():
    a, b, c = draw(40, 30), draw(80, 60), draw(40, 30)
    arrays = [a.T, b[::2, ::2].T, c[::-1, ::-1].T]
    steps = [step("add", 0, 1), step("multiply", 3, 2)]
    found, _ = kernel(arrays, steps, [4])
    backwards = arrays[2]
    inputs = [a, b, c]
    first = (backwards.ctypes.data - c.ctypes.data) // 4
    operands = [*found.inputs[:2], Operand(F, found.inputs[2].strides, first)]
    y = np.zeros((40, 30), F)
    found = Kernel(found.shape, tuple(operands), found.steps, ((4, operand(y.T, (30, 40))),))
    run(found, inputs, [y])
    np.testing.assert_allclose(y, ((arrays[0] + arrays[1]) * arrays[2]).T, 1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool"])
@pytest.mark.parametrize("length", [1, 2, 7, 16, 33, 200])
@pytest.mark.parametrize("stride", [2, 3, 4, 5])
def test_what_lies_between_the_elements_of_a_row_is_left_alone(stride, length, dtype):
    x = (draw(3, length, 2) > 0).astype(dtype)
    wide = np.full((3, (length - 1) * stride + 1), 77 if dtype != "bool" else 1, dtype)
    before = wide.copy()
    source, target = (
        Operand(dtype, (row, step)) for row, step in ((2 * length, 2), (wide.shape[1], stride))
    )
    flipped = step("logical_not", 0, dtype="bool"), step("astype", 1, dtype=dtype)
    run(Kernel((3, length), (source,), flipped, ((2, target),)), [x], [wide])
    np.testing.assert_array_equal(wide[:, ::stride], ~x[:, :, 0].astype(bool))
    kept = np.ones(wide.shape, bool)
    kept[:, ::stride] = False
    np.testing.assert_array_equal(wide[kept], before[kept])


@pytest.mark.parametrize("shape", [(100,), (13, 70)], ids=str)
def test_outputs_in_the_memory_of_inputs(shape):
    x = draw(*shape)
    reference = np.exp(x - x.max(-1, keepdims=True))
    total = reference.sum(-1, keepdims=True)
    found, results = kernel([x], [*softmax(len(shape)), step("add", 5, 0)], [6, 3])
    y, powers = x.copy(), results[1]
    function = native.segment([native.Call(found, (0, 0, 1))])
    function(table([y, powers]).ctypes.data)
    np.testing.assert_allclose(y, reference / total + x, 1e-5, 1e-6)
    np.testing.assert_allclose(powers, reference, 1e-5)


def test_what_is_not_offered():
    for steps in (
        [step("sort", 0)],
        [step("add", 0, (1j,), dtype="complex64")],
        [step("astype", 0, dtype="float16")],
        [step("sum", 0, over=(0,)), step("add", 0, 1)],
    ):
        found = Kernel(
            (3, 4), (Operand(F, (4, 1)),), tuple(steps), ((len(steps), Operand(F, (4, 1))),)
        )
        assert not native.supports(found)
        with pytest.raises(native.Unsupported):
            native.segment([native.Call(found, (0, 1))])


def test_operations_are_those_that_kernels_may_contain():
    assert set(OPERATIONS) == POINTWISE
    assert set(REDUCTIONS) == reductions_of_kernels
