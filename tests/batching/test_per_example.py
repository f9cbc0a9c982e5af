"""Gradients for each example: their factors give what vmap(grad) gives, and make nothing large."""

from __future__ import annotations

import tracemalloc
from typing import Any

import array_api_compat
import numpy as np
import pytest

import gpubp
from batching.losses import BATCH, CASES, Case
from gpubp import per_example
from gpubp.core import tree
from gpubp.transforms.calls import Capture, Function, abstract

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def placed(case: Case, library: Any) -> tuple[Any, tuple[Any, ...], Any]:
    """Parameters, batch and loss on a library."""
    params = tree.map(library.asarray, case.params)
    batch = tuple(library.asarray(x) for x in case.batch)

    def loss(params: Any, *example: Any) -> Any:
        return case.loss(array_api_compat.array_namespace(*tree.leaves(params)), params, *example)

    return params, batch, loss


def expected(case: Case) -> list[np.ndarray]:
    """Gradients of each example on NumPy, one example at a time."""

    def loss(params: Any, *example: Any) -> Any:
        return case.loss(array_api_compat.array_namespace(*tree.leaves(params)), params, *example)

    rows = [
        tree.leaves(gpubp.grad(loss)(case.params, *[x[b] for x in case.batch]))
        for b in range(BATCH)
    ]
    return [np.stack(leaf) for leaf in zip(*rows, strict=True)]


def lengths(leaves: list[np.ndarray]) -> np.ndarray:
    return np.sqrt(sum(np.sum(np.abs(g.reshape(BATCH, -1)) ** 2, axis=1) for g in leaves))


def compare(found: Any, wanted: list[np.ndarray], library: Any) -> None:
    for a, b in zip(tree.leaves(found), wanted, strict=True):
        assert tuple(a.shape) == b.shape
        np.testing.assert_allclose(library.to_numpy(a), b, rtol=1e-9, atol=1e-11)


@every_case
def test_gradients(case, library):
    params, batch, loss = placed(case, library)
    compare(per_example.gradients(loss)(params, *batch), expected(case), library)


@every_case
def test_norms(case, library):
    params, batch, loss = placed(case, library)
    compare(per_example.norms(loss)(params, *batch), [lengths(expected(case))], library)


@every_case
def test_clipped_sum(case, library):
    params, batch, loss = placed(case, library)
    wanted = expected(case)
    norms = lengths(wanted)
    limit = float(np.median(norms))
    factors = np.minimum(1.0, limit / norms)
    found = per_example.clipped_sum(loss, limit)(params, *batch)
    compare(found, [np.tensordot(factors, g, axes=1) for g in wanted], library)


# The variance of complex gradients has no one definition.
REAL = {name: case for name, case in CASES.items() if name != "complex"}


@pytest.mark.parametrize("case", REAL.values(), ids=REAL)
def test_moments(case, library):
    params, batch, loss = placed(case, library)
    wanted = expected(case)
    found = per_example.moments(loss)(params, *batch)
    compare(found.mean, [g.mean(axis=0) for g in wanted], library)
    compare(found.variance, [g.var(axis=0) for g in wanted], library)


@every_case
def test_routes(case):
    params, batch, loss = case.params, case.batch, placed(case, NUMPY)[2]
    found = per_example.routes(loss)(params, *batch)
    assert {r.path.strip("[]'") for r in found if not r.structured} == set(case.made)
    assert len(str(found).splitlines()) == len(found)


class _Numpy:
    asarray = staticmethod(np.asarray)


NUMPY = _Numpy()


class Spy(Capture):
    """Runs on shapes, and keeps the largest number of elements of a result."""

    largest = 0

    def process(self, primitive, args, params):
        y = super().process(primitive, args, params)
        sizes = [e.size for e in (y if isinstance(y, tuple) else (y,))]
        if primitive.name not in ("broadcast_to", "permute_dims", "reshape"):  # views
            self.largest = max(self.largest, *sizes)
        return y


def largest(f: Any, *args: Any) -> int:
    spy = Spy()
    function = Function(f, args)
    spy.run(function.call, *[gpubp.Array(abstract(x), spy, None) for x in function.arrays])
    return spy.largest


def wide(params: Any, x: Any) -> Any:
    for w, b in params:
        x = np.tanh(x @ w + b)
    return np.sum(x)


NORMS, MOMENTS = per_example.norms, per_example.moments


def clipped(loss: Any) -> Any:
    return per_example.clipped_sum(loss, 1.0)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        pytest.param(NORMS, (64, 48), id="norms of vectors"),
        pytest.param(NORMS, (64, 3, 48), id="norms of sequences"),
        pytest.param(clipped, (64, 48), id="clipped sums of vectors"),
        pytest.param(clipped, (64, 3, 48), id="clipped sums of sequences"),
        pytest.param(MOMENTS, (64, 48), id="moments of vectors"),
    ],
)
def test_nothing_of_batch_times_parameters_is_made(function, shape):
    params = [(np.ones((48, 40)), np.ones(40)), (np.ones((40, 48)), np.ones(48))]
    x = np.ones(shape)
    assert largest(function(wide), params, x) <= max(x.size, 48 * 40)
    assert largest(per_example.gradients(wide), params, x) >= 64 * 48 * 40  # the spy does see it


def test_numpy_allocates_nothing_of_batch_times_parameters():
    batch, width = 256, 128
    params = [(np.ones((width, width), np.float32), np.ones(width, np.float32))] * 3
    x = np.ones((batch, width), np.float32)
    tracemalloc.start()
    per_example.clipped_sum(wide, 1.0)(params, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < batch * width * width * 4 / 4  # one layer's gradients would be four times that


def test_batch_norm_is_refused_with_a_remedy():
    from gpubp import nn, random

    norm = nn.BatchNorm(3, rank=0, key=random.key(0, backend="numpy"))

    def loss(norm: Any, x: Any) -> Any:
        return norm(x, norm.initial_state(), training=True)[0].sum()

    with pytest.raises(gpubp.errors.ExampleMixingError, match="GroupNorm"):
        per_example.norms(loss)(norm, np.ones((4, 3), np.float32))


def test_nests_in_other_transformations():
    case = CASES["mlp"]
    loss = placed(case, NUMPY)[2]

    def penalty(params: Any) -> Any:
        return np.sum(per_example.norms(loss)(params, *case.batch))

    def made(params: Any) -> Any:
        grads = gpubp.vmap(gpubp.grad(loss), in_axes=(None, 0, 0))(params, *case.batch)
        squares = sum(np.sum(np.reshape(g, (BATCH, -1)) ** 2, axis=1) for g in tree.leaves(grads))
        return np.sum(np.sqrt(squares))

    found, wanted = gpubp.grad(penalty)(case.params), gpubp.grad(made)(case.params)
    for a, b in zip(tree.leaves(found), tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    two = tree.map(lambda p: np.stack([p, 2 * p]), case.params)
    both = gpubp.vmap(lambda p: per_example.norms(loss)(p, *case.batch))(two)
    np.testing.assert_allclose(both[0], per_example.norms(loss)(case.params, *case.batch))


def test_a_gradient_of_length_zero():
    loss = lambda w, x: np.sum(x * w)  # noqa: E731 - one line is what it is
    w, x = np.ones(3), np.zeros((2, 3))
    assert per_example.norms(loss)(w, x).tolist() == [0.0, 0.0]
    assert per_example.clipped_sum(loss, 0.5)(w, x).tolist() == [0.0, 0.0, 0.0]


def test_dtypes_stay():
    w, x = np.ones((3, 2), np.float32), np.ones((4, 3), np.float32)
    loss = lambda w, x: np.sum(x @ w)  # noqa: E731 - one line is what it is
    assert per_example.norms(loss)(w, x).dtype == np.float32
    assert per_example.clipped_sum(loss, 0.5)(w, x).dtype == np.float32
    assert per_example.gradients(loss)(w, x.astype(np.float64)).dtype == np.float32


def test_errors_name_what_was_given():
    with pytest.raises(gpubp.errors.ArgumentError, match="max_norm=0"):
        per_example.clipped_sum(wide, 0)
    with pytest.raises(gpubp.errors.DifferentiationError, match=r"one example.*shape \(2,\)"):
        per_example.norms(lambda w, x: x @ w)(np.ones((3, 2)), np.ones((4, 3)))
    with pytest.raises(gpubp.errors.DifferentiationError, match="int64"):
        per_example.norms(wide)(np.ones(3, dtype=np.int64), np.ones((4, 3)))
    with pytest.raises(gpubp.errors.ArgumentError, match="different lengths"):
        per_example.norms(lambda w, x, y: x @ w)(np.ones(3), np.ones((4, 3)), np.ones(5))
