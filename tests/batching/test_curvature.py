"""Curvature by products and factors: the numbers of the matrices, made whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gpubp
from gpubp.batching import curvature

RNG = np.random.default_rng(0)
PARAMS = {"w": RNG.normal(size=(4, 3)), "b": RNG.normal(size=3), "v": RNG.normal(size=(3, 3))}
X, LABELS = RNG.normal(size=(5, 4)), np.asarray([0, 2, 1, 1, 0])


def model(p: Any, x: Any) -> Any:
    xp = x.__array_namespace__()
    return xp.tanh(x @ p["w"] + p["b"]) @ p["v"]


def cross_entropy(y: Any, label: Any) -> Any:
    xp = y.__array_namespace__()
    return xp.log(xp.sum(xp.exp(y))) - y[label]


def flat(p: Any) -> np.ndarray:
    return np.concatenate([np.ravel(x) for x in gpubp.tree.leaves(p)])


def jacobians() -> np.ndarray:
    """(examples, outputs, parameters)"""
    rows = []
    for x in X:
        blocks = gpubp.tree.leaves(gpubp.jacobian(model)(PARAMS, x))
        rows.append(np.concatenate([b.reshape(3, -1) for b in blocks], axis=1))
    return np.stack(rows)


def gauss_newton() -> np.ndarray:
    total = 0
    for j, x, label in zip(jacobians(), X, LABELS, strict=True):
        y = model(PARAMS, x)
        total = total + j.T @ gpubp.hessian(cross_entropy)(y, label) @ j
    return total / len(X)


def on(library: Any) -> tuple[Any, Any, Any]:
    return gpubp.tree.map(library.asarray, PARAMS), library.asarray(X), library.asarray(LABELS)


def host(tree: Any, library: Any) -> np.ndarray:
    return flat(gpubp.tree.map(library.to_numpy, tree))


def direction() -> Any:
    return gpubp.tree.map(lambda x: np.cos(np.arange(x.size, dtype=float)).reshape(x.shape), PARAMS)


def test_gauss_newton_product(library):
    params, x, labels = on(library)
    v = gpubp.tree.map(library.asarray, direction())
    found = curvature.gauss_newton_product(model, cross_entropy)(params, v, x, labels)
    np.testing.assert_allclose(
        host(found, library), gauss_newton() @ flat(direction()), rtol=1e-9, atol=1e-12
    )


def test_gauss_newton_diagonal(library):
    params, x, labels = on(library)
    found = curvature.gauss_newton_diagonal(model, cross_entropy)(params, x, labels)
    np.testing.assert_allclose(host(found, library), np.diag(gauss_newton()), rtol=1e-9, atol=1e-12)


def test_fisher_product(library):
    def loss(p: Any, x: Any, label: Any) -> Any:
        return cross_entropy(model(p, x), label)

    params, x, labels = on(library)
    v = gpubp.tree.map(library.asarray, direction())
    grads = [flat(gpubp.grad(loss)(PARAMS, *pair)) for pair in zip(X, LABELS, strict=True)]
    wanted = np.mean([g * (g @ flat(direction())) for g in grads], axis=0)
    found = curvature.fisher_product(loss)(params, v, x, labels)
    np.testing.assert_allclose(host(found, library), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("chunk_size", ["auto", 2])
def test_neural_tangent_kernel(chunk_size, library):
    params, x, _ = on(library)
    j = jacobians()
    wanted = np.einsum("iap,jbp->ijab", j, j)
    kernel = curvature.neural_tangent_kernel(model, chunk_size)
    np.testing.assert_allclose(library.to_numpy(kernel(params, x)), wanted, rtol=1e-9)
    other = kernel(params, x, x[:2, ...])
    np.testing.assert_allclose(library.to_numpy(other), wanted[:, :2], rtol=1e-9)


def test_hutchinson():
    matrix = np.diag([1.0, 2.0, 3.0]) + 0.1
    key, like = gpubp.random.key(0, backend="numpy"), np.zeros(3)
    trace = curvature.hutchinson_trace(lambda v: matrix @ v, like, key, 400)
    assert trace == pytest.approx(6.3, abs=0.05)
    found = curvature.hutchinson_diagonal(lambda v: matrix @ v, like, key, 400)
    np.testing.assert_allclose(found, [1.1, 2.1, 3.1], atol=0.05)
    exact = curvature.hutchinson_diagonal(lambda v: 3 * v, like, key, 2)
    np.testing.assert_array_equal(exact, 3 * np.ones(3))
