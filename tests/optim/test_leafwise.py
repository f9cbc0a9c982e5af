"""Kernels of optimisers' formulas: the formula's numbers, and one launch for all leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cuda_device
from backends.plugins import NAMES, plugin
from gpubp import optim
from gpubp.optim.leafwise import leafwise

# Every transformation that has a kernel on some backend.
OPTIMISERS: dict[str, Callable[[], optim.GradientTransformation]] = {
    "adam": optim.scale_by_adam,
    "decay": lambda: optim.add_decayed_weights(0.1),
    "nesterov": lambda: optim.trace(0.9, nesterov=True),
    "rms": optim.scale_by_rms,
    "scale": lambda: optim.scale(-0.1),
    "scale-schedule": lambda: optim.scale_by_learning_rate(optim.schedules.constant(0.1)),
    "trace": lambda: optim.trace(0.9),
}
SHAPES = [(3, 2), (), (1023,), (1025,), (0, 3), (2, 3, 4), (40, 60)]
generator = np.random.default_rng(0)


def draw(shapes: Any, dtype: Any) -> list[Any]:
    return [np.asarray(generator.normal(size=shape), dtype) for shape in shapes]


@pytest.fixture(params=NAMES)
def backend(request: pytest.FixtureRequest) -> Any:
    return plugin(request.param)


def run(optimiser: Any, params: Any, steps: list[Any]) -> list[Any]:
    """Parameters after these gradients."""
    state = optimiser.init(params)
    for grads in steps:
        updates, state = optimiser.update(grads, state, params)
        params = optim.apply_updates(params, updates)
    return params


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shapes", [SHAPES, [(2, 3)] * 45], ids=["shapes", "more than one table"])
def test_numbers(backend: Any, name: str, dtype: str, shapes: Any) -> None:
    optimiser, rows = OPTIMISERS[name](), [draw(shapes, dtype) for _ in range(4)]
    expected = run(optimiser, rows[0], rows[1:])
    found = run(optimiser, *_on(backend, rows))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == backend.dtype(dtype)
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(backend.to_numpy(a), b, rtol=tolerance, atol=tolerance)


def _on(backend: Any, rows: Any) -> tuple[Any, Any]:
    params, *steps = [[backend.asarray(x) for x in row] for row in rows]
    return params, steps


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_gradient_may_be_a_transpose_and_trees_may_have_holes(backend: Any, name: str) -> None:
    optimiser = OPTIMISERS[name]()
    p, g = draw([(33, 70), (70, 33)], "float64")
    expected = run(optimiser, [p, None, p], [[g.T, None, None]] * 2)
    q, h = backend.asarray(p), backend.asarray(g)
    found = run(optimiser, [q, None, q], [[h.T, None, None]] * 2)
    np.testing.assert_allclose(backend.to_numpy(found[0]), expected[0], rtol=1e-12)
    assert found[1] is None
    assert found[2] is q


def test_what_the_kernel_can_not_treat_has_the_formula(backend: Any) -> None:
    wide, narrow = backend.asarray(np.ones(3)), backend.asarray(np.ones(3, np.float32))
    (found,) = leafwise("add", lambda a, b: (a + b,), [wide, wide], [wide, narrow])
    for x in found:
        np.testing.assert_array_equal(backend.to_numpy(x), [2.0, 2.0, 2.0])


@pytest.mark.skipif(
    cuda_device.KIND != "an emulated CUDA device" or bool(cuda_device.MISSING),
    reason="only the emulated device counts",
)
def test_one_launch_for_all_leaves() -> None:
    import cudaemu

    backend, optimiser = plugin("cupy"), optim.adam(1e-3)
    params, (grads,) = _on(backend, [draw(SHAPES, "float32") for _ in range(2)])
    state = optimiser.init(params)
    updates, _ = optimiser.update(grads, state, params)
    optim.apply_updates(params, updates)
    cudaemu.reset_counters()
    updates, _ = optimiser.update(grads, state, params)
    counted = cudaemu.counters()
    assert counted["kernel_launches"] == 3  # the step's number, Adam, the learning rate
    optim.apply_updates(params, updates)
    counted = cudaemu.counters()
    assert counted["kernel_launches"] == 4
    assert counted["synchronizations"] == counted["copies_host_to_device"] == 0


@pytest.mark.skipif(bool(cuda_device.MISSING), reason=cuda_device.MISSING or "-")
def test_elements_beyond_2_to_the_31() -> None:
    import cupy

    from gpubp_cupy.kernels.optim import leaves
    from gpubp_cupy.kernels.source import read

    probe = """
    extern "C" __global__ void probe(const Leaf leaf, const integer* e, integer* out) {
      out[threadIdx.x] = place(leaf, e[threadIdx.x]);
    }
    """
    leaf = np.zeros((), leaves._LEAF)
    leaf["columns"], leaf["by_row"], leaf["by_column"] = 50_000, 1, 100_000
    elements = np.asarray([0, 49_999, 50_000, 2**31, 2**32 + 7])
    out = cupy.empty(elements.size, cupy.int64)
    source = read(leaves._SOURCE) + probe
    kernel = cupy.RawKernel(source, "probe", options=("--std=c++17",))
    kernel((1,), (elements.size,), (leaf, cupy.asarray(elements), out))
    row, column = np.divmod(elements, 50_000)
    np.testing.assert_array_equal(out.get(), row + column * 100_000)
