"""CUDA source made of kernels: every form of loop, against NumPy."""

import numpy as np
import pytest

from backends.plugins import plugin
from gpubp.compiler.kernel import POINTWISE, REDUCTIONS, Kernel, Literal, Operand, Step

rng = np.random.default_rng(3)
SHAPES = [(1, 1), (3, 5), (32, 10), (7, 33), (70, 300), (5, 1000), (2, 9000), (513, 64), (1, 600)]


@pytest.fixture
def run():
    """`run(kernel, inputs, shapes)`: the outputs, after two launches, which must agree."""
    plugin("cupy")
    cupy = pytest.importorskip("cupy")
    from gpubp_cupy.compiled.launch import Launch, source_of

    def run(kernel, inputs):
        launch = Launch(source_of(kernel))
        given = [cupy.asarray(x) for x in inputs]
        found = []
        for _ in range(2):
            out = [
                cupy.full(extent(o, kernel.shape), 77).astype(o.dtype) for _, o in kernel.outputs
            ]
            launch(given, out)
            found.append([y.get() for y in out])
        for a, b in zip(*found, strict=True):
            np.testing.assert_array_equal(a, b)
        return found[0]

    return run


def extent(operand, shape):
    """The shape of a contiguous buffer that an output fills."""
    return tuple(n for n, s in zip(shape, operand.strides, strict=True) if s)


def full(*shape, dtype="float32"):
    """The operand of a contiguous array of the whole space."""
    strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    return Operand(dtype, tuple(strides))


def normal(*shape):
    return rng.standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_bias_and_activation(run, shape):
    x, b = normal(*shape), normal(shape[1])
    steps = Step("add", (0, 1), "float32"), Step("tanh", (2,), "float32")
    kernel = Kernel(shape, (full(*shape), Operand("float32", (0, 1))), steps, ((3, full(*shape)),))
    (y,) = run(kernel, [x, b])
    np.testing.assert_allclose(y.reshape(shape), np.tanh(x + b), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_with_sums_over_columns_and_over_everything(run, shape):
    rows, columns = shape
    if columns > 4096:
        columns = 4096
    shape = rows, columns
    x = normal(*shape)
    steps = (
        Step("max", (0,), "float32", (1,)),
        Step("subtract", (0, 1), "float32"),
        Step("exp", (2,), "float32"),
        Step("sum", (3,), "float32", (1,)),
        Step("divide", (3, 4), "float32"),
        Step("log", (4,), "float32"),
        Step("sum", (5,), "float32", (0,)),
        Step("sum", (6,), "float32", (0,)),
    )
    outputs = (
        (5, full(*shape)),
        (6, Operand("float32", (1, 0))),
        (7, Operand("float32", (0, 1))),
        (8, Operand("float32", (0, 0))),
    )
    p, logs, sums, total = run(Kernel(shape, (full(*shape),), steps, outputs), [x])
    e = np.exp(x.astype(float) - x.max(axis=1, keepdims=True))
    expected = e / e.sum(axis=1, keepdims=True)
    extents = [extent(o, shape) for _, o in outputs]
    np.testing.assert_allclose(p.reshape(shape), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(logs, np.log(e.sum(axis=1)).reshape(extents[1]), rtol=1e-5)
    np.testing.assert_allclose(sums, expected.sum(axis=0).reshape(extents[2]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(total, np.log(e.sum(axis=1)).sum(), rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_activation_backwards_with_the_gradient_of_a_bias(run, shape):
    x, ct = normal(*shape), normal(*shape)
    steps = (
        Step("greater", (0, Literal(0)), "bool"),
        Step("where", (2, 1, Literal(0.0)), "float32"),
        Step("sum", (3,), "float32", (0,)),
    )
    outputs = (3, full(*shape)), (4, Operand("float32", (0, 1)))
    dx, db = run(Kernel(shape, (full(*shape), full(*shape)), steps, outputs), [x, ct])
    expected = np.where(x > 0, ct, 0)
    np.testing.assert_array_equal(dx.reshape(shape), expected)
    np.testing.assert_allclose(db.ravel(), expected.sum(axis=0, dtype=float), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1, 31, 256, 100_003])
def test_sum_of_everything_beside_an_output(run, size):
    x = normal(size)
    steps = Step("square", (0,), "float32"), Step("sum", (1,), "float32", (0,))
    outputs = (1, full(size)), (2, Operand("float32", (0,)))
    y, total = run(Kernel((size,), (full(size),), steps, outputs), [x])
    np.testing.assert_array_equal(y.ravel(), x * x)
    np.testing.assert_allclose(total, (x.astype(float) ** 2).sum(), rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_element_at_a_label(run, shape):
    x, labels = normal(*shape), rng.integers(0, shape[1], shape[0])
    steps = (
        Step("index", (), "int64", (1,)),
        Step("equal", (2, 1), "bool"),
        Step("where", (3, 0, Literal(0.0)), "float32"),
        Step("sum", (4,), "float32", (1,)),
    )
    kernel = Kernel(
        shape,
        (full(*shape), Operand("int64", (1, 0))),
        steps,
        ((5, Operand("float32", (1, 0))),),
    )
    (y,) = run(kernel, [x, labels])
    np.testing.assert_array_equal(y.ravel(), x[np.arange(shape[0]), labels])


def test_strided_and_offset_operands(run):
    x = normal(6, 5, 4)
    read = Operand("float32", (1, 0, -20), offset=100)  # x[5::-1, 0, :].T, broadcast over an axis
    kernel = Kernel((4, 3, 6), (read,), (Step("negative", (0,), "float32"),), ((1, full(4, 3, 6)),))
    (y,) = run(kernel, [x])
    np.testing.assert_array_equal(y, np.broadcast_to(-x[::-1, 0, :].T[:, None, :], (4, 3, 6)))


def test_what_does_not_vary_along_an_axis_is_counted_once(run):
    x = normal(4)
    steps = (
        Step("square", (0,), "float32"),
        Step("sum", (2,), "float32", (0,)),
        Step("add", (1, 0), "float32"),
    )
    kernel = Kernel(
        (4, 3, 5),
        (Operand("float32", (1, 0, 0)), full(4, 3, 5)),
        steps,
        ((3, Operand("float32", (0, 0, 0))), (4, full(4, 3, 5))),
    )
    other = normal(4, 3, 5)
    total, y = run(kernel, [x, other])
    np.testing.assert_allclose(total, (x * x).sum(), rtol=1e-6)
    np.testing.assert_array_equal(y, other + x[:, None, None])


@pytest.mark.parametrize("op", sorted(REDUCTIONS))
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_reductions(run, op, dtype):
    if (dtype == "bool") != (op in ("all", "any")):
        pytest.skip("not a pair of the standard")
    x = rng.integers(1, 3, (5, 40)).astype(dtype)
    x[2, 3] = 0
    f = getattr(np, op)
    shape = x.shape
    by_row = Kernel(
        shape, (full(*shape, dtype=dtype),), (Step(op, (0,), dtype, (1,)),),
        ((1, Operand(dtype, (1, 0))),),
    )  # fmt: skip
    np.testing.assert_array_equal(run(by_row, [x])[0], f(x, axis=1).astype(dtype))
    by_column = Kernel(
        shape, (full(*shape, dtype=dtype),), (Step(op, (0,), dtype, (0,)),),
        ((1, Operand(dtype, (0, 1))),),
    )  # fmt: skip
    np.testing.assert_array_equal(run(by_column, [x])[0], f(x, axis=0).astype(dtype))
    overall = Kernel(
        shape, (full(*shape, dtype=dtype),), (Step(op, (0,), dtype, (0, 1)),),
        ((1, Operand(dtype, (0, 0))),),
    )  # fmt: skip
    np.testing.assert_array_equal(run(overall, [x])[0], f(x).astype(dtype))


@pytest.mark.parametrize("op", ["max", "min"])
def test_nan_in_a_reduction(run, op):
    x = normal(3, 70)
    x[1, 50] = np.nan
    kernel = Kernel(
        x.shape, (full(*x.shape),), (Step(op, (0,), "float32", (1,)),),
        ((1, Operand("float32", (1, 0))),),
    )  # fmt: skip
    np.testing.assert_array_equal(run(kernel, [x])[0], getattr(np, op)(x, axis=1))


def test_index_arithmetic_past_2_to_the_31():
    plugin("cupy")
    from gpubp_cupy.compiled.source import generate

    def index(shape):
        kernel = Kernel(
            shape, (full(*shape),), (Step("negative", (0,), "float32"),), ((1, full(*shape)),)
        )
        return generate(kernel).code.partition("typedef ")[2].partition(" Index")[0]

    assert index((2**15, 2**14)) == "int"
    assert index((2**16, 2**15)) == "long long"
    assert index((2**31 - 5,)) == "long long"  # the loop's step goes past the end


def test_spaces_that_are_not_one_launch():
    plugin("cupy")
    from gpubp_cupy.compiled.launch import source_of

    empty = Kernel((0,), (full(0),), (Step("exp", (0,), "float32"),), ((1, full(0)),))
    assert source_of(empty) is None
    keeps_outer = Kernel(
        (2, 3, 4), (full(2, 3, 4),), (Step("sum", (0,), "float32", (1,)),),
        ((1, Operand("float32", (4, 0, 1))),),
    )  # fmt: skip
    assert source_of(keeps_outer) is None


def test_every_operation_has_an_expression():
    plugin("cupy")
    from gpubp_cupy.compiled import operations

    assert set(operations._OPERATIONS) | {"astype"} == POINTWISE
    assert set(operations.REDUCTIONS) == REDUCTIONS
