"""What goes into one kernel, what does not, and why."""

import numpy as np
import pytest

import gpubp
from compiler.build import Builder, arguments_of
from compiler.passes.check import checked, kernels, names, recorded
from gpubp.compiler.fused import Fused
from gpubp.compiler.kernel import Literal
from gpubp.compiler.passes import optimize
from gpubp.compiler.program import run
from gpubp.core.abstract import ShapeDtype


def fused(make):
    b = Builder()
    outputs = make(b)
    program = b.returns(*(outputs if isinstance(outputs, tuple) else (outputs,)))
    return checked(program, arguments_of(program), rtol=1e-5, atol=1e-6)


def shapes(program):
    return [kernel.shape for kernel in kernels(program)]


def rows(b, *shape):
    """A row-wise step: each element over the largest of its row."""
    x = b.exp(b.input(*shape))
    return b.divide(x, b.max(x, axis=(len(shape) - 1,), keepdims=True))


def test_axes_are_as_few_as_operands_allow():
    def f(b):
        x, y, z = b.input(2, 3, 4, 5), b.input(3, 1, 1), b.input(4, 5)
        return b.add(b.multiply(x, y), z)

    (kernel,) = kernels(fused(f))
    assert kernel.shape == (2, 3, 20)
    assert [operand.strides for operand in kernel.inputs] == [(60, 20, 1), (0, 1, 0), (0, 0, 1)]


def test_scalars_have_a_space_of_one_element():
    (kernel,) = kernels(fused(lambda b: b.exp(b.add(b.input(), 1.0))))
    assert kernel.shape == (1,)
    assert kernel.outputs[0][1].strides == (0,)


def test_views_of_inputs_are_strides():
    def f(b):
        x = b.input(4, 6)
        even = b.slice(x, spec=((1, 4, 1), (0, 6, 2)))
        back = b.flip(b.permute_dims(b.input(3, 3), axes=(1, 0)), axis=(0,))
        return b.multiply(even, back)

    (kernel,) = kernels(fused(f))
    assert [(o.strides, o.offset) for o in kernel.inputs] == [((6, 2), 6), ((-1, 3), 2)]


def test_reshapes_inside_a_group_cost_nothing():
    def f(b):
        x = b.exp(b.input(6, 4))
        return b.sin(b.reshape(b.cos(b.reshape(x, shape=(2, 3, 4))), shape=(6, 4)))

    assert shapes(fused(f)) == [(24,)]


def test_a_value_and_its_transpose_are_two_kernels():
    def f(b):
        x = b.exp(b.input(3, 3))
        return b.add(x, b.permute_dims(x, axes=(1, 0)))

    assert names(fused(f)).count("fused") == 2


def test_an_argument_and_its_transpose_are_two_inputs():
    def f(b):
        x = b.input(3, 3)
        return b.add(x, b.permute_dims(x, axes=(1, 0)))

    (operation,) = [o for o in fused(f).operations if type(o.primitive) is Fused]
    assert operation.args[0] is operation.args[1]


def test_a_row_reduction_is_used_in_its_kernel():
    found = fused(lambda b: rows(b, 5, 7))
    assert shapes(found) == [(5, 7)]
    (step,) = [s for s in kernels(found)[0].steps if s.op == "max"]
    assert step.over == (1,)


def test_a_row_over_several_axes():
    def f(b):
        x = b.input(5, 2, 3)
        return b.subtract(x, b.sum(x, axis=(1, 2), keepdims=True))

    assert shapes(fused(f)) == [(5, 6)]


def test_a_reduction_over_other_axes_ends_its_kernel():
    def f(b):
        x = b.exp(b.input(5, 7))
        total = b.sum(x, axis=(0,), keepdims=False)
        return b.add(x, b.sqrt(total)), b.sum(x, axis=(0, 1), keepdims=False)

    found = fused(f)
    assert [len(kernel.outputs) for kernel in kernels(found)] == [3, 1]


def test_two_kinds_of_rows_are_two_kernels():
    def f(b):
        x = b.exp(b.input(5, 7))
        y = b.divide(x, b.sum(x, axis=(1,), keepdims=True))
        return b.divide(y, b.sum(y, axis=(0,), keepdims=True))

    assert len(kernels(fused(f))) > 1


def test_rows_that_are_too_long_are_not_kept():
    b = Builder()
    x = b.input(1 << 17)
    program = b.returns(b.subtract(x, b.max(x, axis=(0,), keepdims=True)))
    assert len(kernels(optimize(program))) == 2


def test_a_path_that_leaves_a_group_keeps_it_apart():
    def f(b):
        x = b.exp(b.input(4, 4))
        return b.add(x, b.matmul(x, x))

    assert names(fused(f)) == ["fused", "product", "fused"]


def test_groups_that_read_one_array_read_it_once():
    def f(b):
        x = b.matmul(b.input(4, 3), b.input(3, 5))
        return (
            b.sum(x, axis=(0,), keepdims=False),
            b.tanh(x),
            b.sum(b.exp(x), axis=(0,), keepdims=False),
        )

    assert names(fused(f)) == ["product", "fused"]


def test_a_vector_is_not_made_again_for_each_row_if_it_is_dear():
    def f(b):
        return b.add(b.input(8, 5), b.exp(b.input(5)))

    assert sorted(shapes(fused(f))) == [(5,), (8, 5)]
    assert shapes(fused(lambda b: b.add(b.input(8, 5), b.multiply(b.input(5), 2.0)))) == [(8, 5)]


def test_cheap_steps_are_done_again_rather_than_stored():
    def f(b):
        x, w = b.input(6, 6), b.input(6, 6)
        shifted = b.subtract(x, b.sum(x, axis=(1,), keepdims=True))
        return b.multiply(b.matmul(b.tanh(shifted), w), b.multiply(shifted, 2.0))

    first, second = kernels(fused(f))
    assert len(first.outputs) == 2  # what the product reads, and the sums
    assert [o.strides for o in second.inputs].count((1, 0)) == 1


def test_dear_steps_move_to_their_only_reader():
    def f(b):
        x, w = b.input(6, 6), b.input(6, 6)
        return b.multiply(b.matmul(b.negative(x), w), b.multiply(b.exp(x), 2.0))

    found = fused(f)
    assert "exp" not in [s.op for s in kernels(found)[0].steps]
    assert "exp" in [s.op for s in kernels(found)[1].steps]


def test_positions_are_counted_and_labels_compared():
    def f(x, labels):
        xp = x.__array_namespace__()
        y = xp.exp(x)
        return xp.take_along_axis(y, xp.expand_dims(labels, axis=1), axis=1) * y

    x = np.random.default_rng(0).normal(size=(30, 20))
    found = checked(*recorded(f, x, np.arange(30) % 20 - 10))
    (kernel,) = kernels(found)
    assert "index" in [s.op for s in kernel.steps]
    assert len(kernel.inputs) == 2


def test_labels_out_of_range_give_nan():
    def f(x, labels):
        xp = x.__array_namespace__()
        return xp.take_along_axis(xp.exp(x), xp.expand_dims(labels, axis=1), axis=1)

    program, inputs = recorded(f, np.ones((4, 3)), np.asarray([0, -3, 3, -4]))
    from compiler.interpreter import interpret

    (operation,) = [o for o in optimize(program).operations if type(o.primitive) is Fused]
    (y,) = interpret(operation.primitive.kernel, inputs, [(4, 1)])
    np.testing.assert_allclose(y[:, 0], [np.e, np.e, np.nan, np.nan])


def test_arrays_of_one_number_are_literals():
    def f(x):
        xp = x.__array_namespace__()
        return xp.where(x > 0, xp.ones((), dtype=xp.float32), xp.zeros((20,), dtype=xp.float32))

    (kernel,) = kernels(checked(*recorded(f, np.ones(20, np.float32))))
    (where,) = [s for s in kernel.steps if s.op == "where"]
    assert where.args[1:] == (Literal(1.0), Literal(0.0))


def test_python_numbers_are_inputs_of_the_dtype_beside_them():
    def f(x, n, m):
        return x * n + m

    found = checked(*recorded(f, np.ones(20, np.float32), 0.5, 3))
    (kernel,) = kernels(found)
    assert [operand.dtype for operand in kernel.inputs] == ["float32"] * 3


@pytest.mark.parametrize("dtype", ["complex128", "float16"])
def test_other_dtypes_stay_outside(dtype):
    def f(b):
        return b.sin(b.multiply(b.input(3, dtype=dtype), b.input(3, dtype=dtype)))

    assert names(fused(f)) == ["multiply", "sin"]


def test_empty_arrays_stay_outside():
    assert names(fused(lambda b: b.exp(b.input(0, 3)))) == ["exp"]


def test_a_fused_group_is_a_primitive():
    b = Builder()
    program = b.returns(rows(b, 5, 7))
    (operation,) = optimize(program).operations
    (x,) = inputs = arguments_of(program)
    np.testing.assert_allclose(operation.primitive(x)[0], run(program, inputs)[0])
    (shape,) = operation.primitive(program.inputs[0].abstract())
    assert type(shape) is ShapeDtype
    assert shape.shape == (5, 7)


def test_checkpoints_are_computed_twice():
    def loss(x, w):
        inner = gpubp.checkpoint(lambda x: np.tanh(np.exp(x) @ w))
        return np.sum(inner(x) ** 2)

    args = np.ones((4, 4)) / 9, np.ones((4, 4)) / 9
    found = checked(*recorded(gpubp.value_and_grad(loss), *args))
    steps = [s.op for kernel in kernels(found) for s in kernel.steps]
    assert steps.count("exp") == 2


def test_labels_along_a_leading_axis():
    b = Builder()
    x = b.permute_dims(b.tanh(b.input(2, 3, dtype="float64")), axes=(1, 0))
    rows, labels = b.constant(np.arange(3)), b.constant(np.asarray([0, 1, -1]))
    program = b.returns(b.gather(b.sin(x), rows, labels))
    checked(program, arguments_of(program))
