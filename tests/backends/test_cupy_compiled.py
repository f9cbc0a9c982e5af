"""Programs on CuPy: what a step costs, and that its fixed buffers are nobody else's."""

import numpy as np
import pytest

import cuda_device
import gpubp
from backends.plugins import plugin
from gpubp import losses, nn, optim
from gpubp.core import tree

rng = np.random.default_rng(5)


@pytest.fixture
def cupy():
    plugin("cupy")
    return pytest.importorskip("cupy")


@pytest.fixture
def training(cupy):
    """`training(sizes, batch)`: a step with Adam, and its arguments."""

    def make(sizes, batch):
        model = nn.MLP(sizes, key=gpubp.random.key(0, backend="cupy"))
        optimiser = optim.adam(1e-3)

        def step(model, state, x, labels):
            def loss(model):
                return losses.cross_entropy(model(x), labels)

            value, gradient = gpubp.value_and_grad(loss)(model)
            updates, state = optimiser.update(gradient, state, model)
            return optim.apply_updates(model, updates), state, value

        x = cupy.asarray(rng.standard_normal((batch, sizes[0]), dtype=np.float32))
        labels = cupy.asarray(rng.integers(0, sizes[-1], batch))
        return step, (model, optimiser.init(model), x, labels)

    return make


def assert_alike(found, expected, rtol=1e-5):
    for a, b in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a.get(), b.get(), rtol=rtol, atol=1e-6)


def test_what_a_training_step_costs(training):
    if "emulated" not in cuda_device.KIND:
        pytest.skip("only the emulator counts")
    import cudaemu

    step, (model, state, x, labels) = training([784, 1024, 1024, 10], 32)
    compiled = gpubp.compile(step, donate=(0, 1))
    for _ in range(3):  # compile kernels, capture, replay
        model, state, _ = compiled(model, state, x, labels)
    cudaemu.reset_counters()
    model, state, _ = compiled(model, state, x, labels)
    counts = cudaemu.counters()
    products = counts["library_calls"]
    assert products == 8
    assert counts["graph_kernel_launches"] + products <= 3 * products + 4
    assert counts["graph_launches"] == 1
    assert counts["synchronizations"] == 0
    assert counts["allocations"] == 0
    outside = counts["kernel_launches"] + counts["copies_device_to_device"]
    assert outside <= 3  # the two arrays of the batch, and the loss that is returned


def test_bytes_of_a_training_step(training):
    step, args = training([784, 1024, 1024, 10], 64)
    plan = gpubp.plan(step, *args, donate=(0, 1))
    parameters = 4 * sum(leaf.size for leaf in tree.leaves(args[0]))
    first = 4 * args[0].layers[0].weight.size
    # Every parameter is read forwards, all but the first layer's on the way back; gradients are
    # written and read; parameters and two moments are read and written by the update.
    least = parameters + (parameters - first) + 2 * parameters + 6 * parameters
    assert plan.bytes_moved <= 1.3 * least


@pytest.mark.parametrize("donate", [(), (0, 1)])
def test_steps_are_the_eager_ones(training, donate):
    step, args = training([12, 16, 5], 8)
    compiled = gpubp.compile(step, donate=donate)
    found = expected = (*args[:2], None)
    for _ in range(4):
        expected = step(*expected[:2], *args[2:])
        found = compiled(*found[:2], *args[2:])
        assert_alike(found, expected)


def test_results_survive_the_next_call(cupy):
    double = gpubp.compile(lambda x: {"y": x * 2, "view": x.T})
    first, second = (cupy.asarray(rng.standard_normal((3, 4))) for _ in range(2))
    for _ in range(3):
        a, b = double(first), double(second)
        np.testing.assert_array_equal(a["y"].get(), 2 * first.get())
        np.testing.assert_array_equal(b["y"].get(), 2 * second.get())
        np.testing.assert_array_equal(a["view"].get(), first.get().T)


def test_two_loops_through_one_donating_function(cupy):
    advance = gpubp.compile(lambda x: x + 1, donate=0)
    a, b = cupy.zeros(5), cupy.full(5, 100.0)
    for n in range(1, 5):  # what one loop holds is not the other's buffer
        a, b = advance(a), advance(b)
        np.testing.assert_array_equal(a.get(), np.full(5, float(n)))
        np.testing.assert_array_equal(b.get(), np.full(5, 100.0 + n))


def test_views_of_a_donated_result_keep_it(cupy):
    advance = gpubp.compile(lambda x: x + 1, donate=0)
    x = cupy.zeros(5)
    for _ in range(3):
        x = advance(x)
    part = x[1:3]
    del x
    advance(cupy.full(5, 50.0))
    np.testing.assert_array_equal(part.get(), [3.0, 3.0])


def test_numbers_are_not_part_of_the_graph(cupy):
    scale = gpubp.compile(lambda x, rate: (x * rate, rate * 2))
    x = cupy.ones(4)
    for rate in (1.0, 2.0, -3.0, 2.0):
        y, twice = scale(x, rate)
        np.testing.assert_array_equal(y.get(), np.full(4, rate))
        assert twice == 2 * rate


def test_inputs_of_any_layout(cupy):
    f = gpubp.compile(lambda x: x.__array_namespace__().tanh(x) @ x.T)
    x = cupy.asarray(rng.standard_normal((6, 4)))
    for view in (x, x.T.copy().T, x[::-1], cupy.broadcast_to(x[:1], (6, 4))):
        for _ in range(2):
            np.testing.assert_allclose(f(view).get(), np.tanh(view.get()) @ view.get().T)


def test_what_cannot_be_captured_runs_one_by_one(cupy):
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(xp.sort(x, axis=-1)[:, -2:] ** 2)

    compiled = gpubp.compile(gpubp.grad(f))
    for _ in range(3):
        x = cupy.asarray(rng.standard_normal((3, 7)))
        np.testing.assert_allclose(compiled(x).get(), gpubp.grad(f)(x).get())


def test_work_is_ordered_with_the_callers_stream(cupy):
    f = gpubp.compile(lambda x: x * 2 + 1)
    with cupy.cuda.Stream(non_blocking=True):
        for n in range(4):
            y = f(cupy.full(1000, float(n)))
            np.testing.assert_array_equal(y.get(), np.full(1000, 2.0 * n + 1))
