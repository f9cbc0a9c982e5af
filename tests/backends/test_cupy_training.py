"""A training step on CuPy: it never makes the host wait, and survives running out of memory."""

import contextlib
import gc

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
        self.run = self.update

    def update(self, model, state, key, x, y):
        """The next model, optimiser's state, key, and the loss."""
        key, now = gpubp.random.split(key, 2)

        def loss(model, x, y, now):
            return losses.cross_entropy(model(x, key=now), y)

        value, gradients = gpubp.value_and_grad(loss)(model, x, y, now)
        updates, state = self.optimiser.update(gradients, state, model)
        return optim.apply_updates(model, updates), state, key, value

    def step(self):
        x, y = (self.backend.asarray(part) for part in self.host)
        return self.run(self.model, self.state, self.key, x, y)

    def results(self):
        return [self.backend.to_numpy(leaf) for leaf in tree.leaves(self.step())]


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


def fails_at_every_allocation(run, check):
    """Run with the first allocation failing, then with the second, ...; returns their number."""
    import cupy

    backend, device = get_backend("cupy"), cupy.cuda.Device()

    def allocate(size):
        nonlocal countdown
        countdown -= 1
        if not countdown:
            raise cupy.cuda.memory.OutOfMemoryError(size, 0)
        return cupy.get_default_memory_pool().malloc(size)

    number = 0
    while True:
        number += 1
        countdown = number
        try:
            with cupy.cuda.using_allocator(allocate):
                run()
            return number - 1
        except Exception as error:
            assert backend.is_out_of_memory(error), error  # noqa: PT017  or the loop goes on
        backend.release_memory()
        assert device == cupy.cuda.Device()
        check(number)


def test_running_out_of_memory_at_any_allocation_leaves_the_library_usable(cudaemu):
    training = Training()
    expected = training.results()

    def check(number):
        if number % 20 == 1:
            for a, b in zip(training.results(), expected, strict=True):
                np.testing.assert_array_equal(a, b)

    assert fails_at_every_allocation(training.results, check) > 50
    check(1)


def test_so_it_does_where_the_step_is_compiled(cudaemu):
    training = Training()
    expected = training.results()
    training.run = gpubp.compile(training.update)
    training.results()
    [recorded] = training.run.programs.values()
    bound = recorded.call.executable.bound

    def anew():
        bound.clear()  # its buffers are among the allocations
        training.results()

    def check(number):
        for _ in range(3):  # run, captured, replayed
            for a, b in zip(training.results(), expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # it has been simplified
        assert any(b.graph is not None for b in bound)

    assert fails_at_every_allocation(anew, check) > 10
    check(0)


def test_a_device_that_is_full_says_so_and_computes_again(cudaemu):
    import cupy

    training, backend, pool = Training(), get_backend("cupy"), cupy.get_default_memory_pool()
    expected = training.results()
    gc.collect()  # what dies later would make room
    backend.release_memory()
    pool.set_limit(size=max(pool.total_bytes(), 512))
    filled = []  # with what other tests' arrays have left of the pool's blocks
    for size in (1 << k for k in range(24, 8, -1)):
        with contextlib.suppress(MemoryError):
            while True:
                filled.append(cupy.empty(size, "uint8"))
    try:
        with pytest.raises(MemoryError) as caught:
            training.results()
        assert backend.is_out_of_memory(caught.value)
        assert backend.memory_info().free < 1 << 20
    finally:
        del filled
        pool.set_limit(size=0)
    for a, b in zip(training.results(), expected, strict=True):
        np.testing.assert_array_equal(a, b)
