"""Several CUDA devices: arrays stay on theirs, and the current device is as it was."""

import warnings

import numpy as np
import pytest

import gpubp
from backends.plugins import plugin
from gpubp import losses, nn
from gpubp.core import tree
from gpubp.core.backend import get_backend
from gpubp.errors import ArgumentTypeError


@pytest.fixture
def cupy():
    """CuPy with device 0 current, where computing on arrays of device 1 warns."""
    plugin("cupy")
    cupy = pytest.importorskip("cupy")
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one device")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield cupy
    assert cupy.cuda.runtime.getDevice() == 0


def test_a_training_step_stays_on_its_device(cupy):
    backend = get_backend("cupy:1")
    with backend.on():  # outside of transformations CuPy's own rule holds: the current device
        model = nn.MLP([4, 5, 5, 3], key=gpubp.random.key(0, backend=backend))
    x = backend.asarray(np.ones((6, 4), np.float32))
    y = backend.asarray(np.arange(6) % 3)
    before = cupy.get_default_memory_pool().used_bytes()

    def loss(model, x):
        return losses.cross_entropy(model(x), y)

    value, gradients = gpubp.value_and_grad(loss)(model, x)
    _, product = gpubp.jvp(lambda m: loss(m, x), (model,), (model,))
    per_example = gpubp.vmap(lambda row: gpubp.grad(lambda r: model(r).sum())(row))(x)
    for leaf in (value, product, per_example, *tree.leaves(gradients)):
        assert leaf.device.id == 1
    assert cupy.get_default_memory_pool().used_bytes() == before  # of the current device


def test_what_is_compiled_or_batched_stays_on_its_device(cupy):
    backend = get_backend("cupy:1")
    with backend.on():
        model = nn.MLP([4, 5, 3], key=gpubp.random.key(0, backend=backend))
    x = backend.asarray(np.ones((6, 4), np.float32))
    y = backend.asarray(np.arange(6) % 3)

    def loss(model, x, y):
        return losses.cross_entropy(model(x), y)

    compiled = gpubp.compile(gpubp.grad(loss))
    found = [compiled(model, x, y) for _ in range(3)]  # run, captured, replayed
    found.append(gpubp.grad(gpubp.compile(loss))(model, x, y))
    found.append(gpubp.per_example.gradients(loss)(model, x, y))
    found.append(gpubp.vmap(gpubp.grad(loss), (None, 0, 0), chunk_size=4)(model, x, y))
    assert {leaf.device.id for leaf in tree.leaves(found)} == {1}


def test_creation_inside_a_function_goes_to_its_device(cupy):
    x = get_backend("cupy:1").asarray(np.ones(3))

    def f(x):
        xp = x.__array_namespace__()
        made = [
            *(xp.zeros(3), xp.ones(3), xp.full(3, 2.0), xp.arange(3.0), xp.linspace(0.0, 1.0, 3)),
            *(xp.zeros_like(x), xp.asarray([1.0, 2.0, 3.0]), xp.eye(3)[0], xp.fft.fftfreq(3)),
        ]
        return sum(x * part for part in made).sum(), xp.zeros(2, device=xp.device)

    gradient, made = gpubp.grad(f, has_aux=True)(x)
    assert gradient.device.id == 1
    assert made.device.id == 1


def test_creation_obeys_a_device_that_is_named(cupy):
    first, second = get_backend("cupy").devices()[:2]
    x = get_backend("cupy:1").asarray(np.ones(3))

    def f(x):
        xp = x.__array_namespace__()
        return x.sum(), (xp.zeros(3, device=first), xp.ones_like(x, device=first))

    _, made = gpubp.grad(f, has_aux=True)(x)
    assert [array.device.id for array in made] == [0, 0]
    assert get_backend("cupy").xp.zeros(3, device=second).device.id == 1


def test_a_derivative_goes_through_a_move(cupy):
    first = get_backend("cupy").devices()[0]
    x = get_backend("cupy:1").asarray(np.arange(3.0))
    value, gradient = gpubp.value_and_grad(lambda x: (x.to_device(first) ** 2).sum())(x)
    assert value.device.id == 0
    assert gradient.device.id == 1
    np.testing.assert_array_equal(get_backend("cupy").to_numpy(gradient), [0.0, 2.0, 4.0])


def test_arrays_of_two_devices_are_refused_by_name(cupy):
    here, there = (get_backend(f"cupy:{i}").asarray(np.ones((3, 3))) for i in range(2))
    operations = (
        lambda x: x + there,
        lambda x: x @ there,
        lambda x: x.__array_namespace__().concat([x, there]),
    )
    for operation in operations:
        with pytest.raises(ArgumentTypeError) as caught:
            gpubp.grad(lambda x, f=operation: f(x).sum())(here)
        assert "cupy on <CUDA Device 0> and cupy on <CUDA Device 1>" in str(caught.value)


def test_another_current_device_stays_current(cupy):
    x = get_backend("cupy:0").asarray(np.ones(3))
    with cupy.cuda.Device(1):
        assert gpubp.grad(lambda x: (x * x).sum())(x).device.id == 0
        with pytest.raises(ValueError, match="shapes"):
            gpubp.grad(lambda x: (x + x[:2]).sum())(x)
        assert cupy.cuda.runtime.getDevice() == 1


def test_one_device_costs_nothing(cupy, monkeypatch):
    backend = get_backend("cupy")
    monkeypatch.setattr(backend, "_several", False)
    assert backend.bind(len) is len
    import array_api_compat.cupy

    assert backend.xp is array_api_compat.cupy
