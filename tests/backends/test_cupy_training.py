"""A training step on CuPy: it never makes the host wait, and survives running out of memory."""

import numpy as np
import pytest

import cuda_device
import gpubp
from backends.plugins import plugin
from gpubp import losses, nn, optim
from gpubp.core import tree
from gpubp.core.backend import get_backend

pytestmark = pytest.mark.skipif(
    "emulated" not in cuda_device.KIND or bool(cuda_device.MISSING),
    reason="only the emulator counts what happens and lets allocations fail",
)


@pytest.fixture
def cudaemu():
    plugin("cupy")
    return pytest.importorskip("cudaemu")


class Training:
    """An MLP with dropout, layer norm and Adam, its batch, and one update."""

    def __init__(self, batch=32):
        self.backend = get_backend("cupy")
        self.key = gpubp.random.key(0, backend=self.backend)
        rng = np.random.default_rng(0)
        self.host = rng.normal(size=(batch, 64)).astype(np.float32), rng.integers(0, 10, batch)
        layers = [
            *(nn.Linear(64, 48, key=self.key), nn.gelu, nn.LayerNorm(48, key=self.key)),
            *(nn.Dropout(0.1), nn.Linear(48, 10, key=self.key)),
        ]
        self.model = nn.Sequential(layers)
        self.optimiser = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(1e-3))
        self.state = self.optimiser.init(self.model)

    def step(self):
        """The next model, optimiser's state, key and loss."""
        x, y = (self.backend.asarray(part) for part in self.host)
        key, now = gpubp.random.split(self.key, 2)

        def loss(model, x, y, now):
            return losses.cross_entropy(model(x, key=now), y)

        value, gradients = gpubp.value_and_grad(loss)(self.model, x, y, now)
        updates, state = self.optimiser.update(gradients, self.state, self.model)
        return optim.apply_updates(self.model, updates), state, key, value

    def loss(self):
        model, state, key, value = self.step()
        return [self.backend.to_numpy(leaf) for leaf in (value, *tree.leaves((model, state, key)))]


def test_a_step_makes_the_host_wait_for_nothing(cudaemu):
    training = Training(batch=512)  # large enough for the upload to go through the side stream
    training.step()
    cudaemu.reset_counters()
    training.model, training.state, training.key, value = training.step()
    counted = cudaemu.counters()
    assert counted["synchronizations"] == 0
    assert counted["copies_device_to_host"] == 0
    assert counted["copies_host_to_device"] == 2  # the batch
    assert counted["allocations"] == 0  # the pool has what the step before used

    fetched = training.backend.fetch(value)
    training.step()
    assert cudaemu.counters()["synchronizations"] == 0
    loss = fetched()
    assert cudaemu.counters()["synchronizations"] == 1
    np.testing.assert_array_equal(loss, training.backend.to_numpy(value))


def test_a_fetch_that_nobody_reads_outlives_its_copy(cudaemu):
    backend = get_backend("cupy")
    for _ in range(3):
        backend.fetch(backend.asarray(np.ones(1000)))
    assert backend.fetch(backend.asarray(np.ones((3, 4)).T))().shape == (4, 3)


def test_running_out_of_memory_at_any_allocation_leaves_the_library_usable(cudaemu):
    import cupy

    training, backend = Training(), get_backend("cupy")
    expected = training.loss()
    device = cupy.cuda.Device()
    allocations = 0

    def allocate(size):
        nonlocal countdown
        countdown -= 1
        if not countdown:
            raise cupy.cuda.memory.OutOfMemoryError(size, 0)
        return cupy.get_default_memory_pool().malloc(size)

    while True:
        allocations += 1
        countdown = allocations
        try:
            with cupy.cuda.using_allocator(allocate):
                training.loss()
            break  # it asks for no more than it was given
        except Exception as error:
            assert backend.is_out_of_memory(error), error  # noqa: PT017  or the loop goes on
        backend.release_memory()
        assert device == cupy.cuda.Device()
        if allocations % 20 == 1:  # as good as new
            for a, b in zip(training.loss(), expected, strict=True):
                np.testing.assert_array_equal(a, b)
    assert allocations > 50
    for a, b in zip(training.loss(), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_device_that_is_full_says_so_and_computes_again(cudaemu):
    import cupy

    training, backend, pool = Training(), get_backend("cupy"), cupy.get_default_memory_pool()
    expected = training.loss()
    backend.release_memory()
    pool.set_limit(size=max(pool.total_bytes(), 512))
    try:
        with pytest.raises(MemoryError) as caught:
            training.loss()
        assert backend.is_out_of_memory(caught.value)
        assert backend.memory_info().free < 1 << 20
    finally:
        pool.set_limit(size=0)
    for a, b in zip(training.loss(), expected, strict=True):
        np.testing.assert_array_equal(a, b)
