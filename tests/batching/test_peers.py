"""The quantities of BackPACK and Opacus, on their own kinds of models, by both libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gpubp
from gpubp import nn, per_example, random
from gpubp.batching import curvature

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Full backward hook")  # inputs need no gradient
BATCH = 5


def dense() -> Any:
    keys = random.split(random.key(0, backend="numpy"), 2)
    layers = (
        nn.Linear(6, 4, key=keys[0], dtype="float64"),
        nn.tanh,
        nn.Linear(4, 3, key=keys[1], dtype="float64"),
    )
    return nn.Sequential(layers)


def convolutional() -> Any:
    keys = random.split(random.key(1, backend="numpy"), 2)
    layers = (
        nn.Conv2d(2, 3, 3, padding=1, stride=2, key=keys[0], dtype="float64"),
        nn.tanh,
        nn.Flatten(),
        nn.Linear(3 * 3 * 3, 3, key=keys[1], dtype="float64"),
    )
    return nn.Sequential(layers)


MODELS = {"dense": (dense, (6,)), "convolutional": (convolutional, (2, 6, 6))}


class Pair:
    """One model and batch in both libraries; gradients are in the order of torch's parameters."""

    def __init__(self, name: str) -> None:
        make, shape = MODELS[name]
        self.model = make()
        rng = np.random.default_rng(2)
        self.x, self.y = rng.normal(size=(BATCH, *shape)), rng.integers(0, 3, BATCH)
        weighted = [layer for layer in self.model.layers if hasattr(layer, "weight")]
        if name == "dense":
            layers = [torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)]
        else:
            layers = [
                torch.nn.Conv2d(2, 3, 3, padding=1, stride=2),
                torch.nn.Tanh(),
                torch.nn.Flatten(),
                torch.nn.Linear(27, 3),
            ]
        self.torch = torch.nn.Sequential(*layers).double()
        with torch.no_grad():
            theirs = [layer for layer in layers if hasattr(layer, "weight")]
            for ours, layer in zip(weighted, theirs, strict=True):
                layer.weight.copy_(torch.from_numpy(ours.weight))
                layer.bias.copy_(torch.from_numpy(ours.bias).reshape(layer.bias.shape))

    def loss(self, model: Any, x: Any, y: Any) -> Any:
        xp = x.__array_namespace__()
        z = model(x)
        return xp.log(xp.sum(xp.exp(z))) - z[y]

    def backpack(self, extension: str, attribute: str) -> list[np.ndarray]:
        backpack = pytest.importorskip("backpack")
        extensions = pytest.importorskip("backpack.extensions")
        model = backpack.extend(self.torch)
        criterion = backpack.extend(torch.nn.CrossEntropyLoss(reduction="sum"))
        with backpack.backpack(getattr(extensions, extension)()):
            criterion(model(torch.from_numpy(self.x)), torch.from_numpy(self.y)).backward()
        return [getattr(p, attribute).detach().numpy() for p in model.parameters()]

    def ours(self, tree: Any) -> list[np.ndarray]:
        layers = [layer for layer in tree.layers if hasattr(layer, "weight")]
        return [x for layer in layers for x in (layer.weight, layer.bias)]


@pytest.fixture(params=MODELS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


def compare(found: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a.reshape(b.shape), b, rtol=1e-8, atol=1e-10)


def test_batch_grad(pair):
    found = per_example.gradients(pair.loss)(pair.model, pair.x, pair.y)
    compare(pair.ours(found), pair.backpack("BatchGrad", "grad_batch"))


def test_batch_l2(pair):
    squares = sum(pair.backpack("BatchL2Grad", "batch_l2"))
    found = per_example.norms(pair.loss)(pair.model, pair.x, pair.y)
    np.testing.assert_allclose(found, np.sqrt(squares), rtol=1e-8)


def test_second_moment(pair):
    mean, variance = per_example.moments(pair.loss)(pair.model, pair.x, pair.y)
    found = gpubp.tree.map(lambda m, v: BATCH * (v + m * m), mean, variance)
    compare(pair.ours(found), pair.backpack("SumGradSquared", "sum_grad_squared"))


def test_diagonal_of_gauss_newton(pair):
    def model(model: Any, x: Any) -> Any:
        return model(x)

    def loss(z: Any, y: Any) -> Any:
        xp = z.__array_namespace__()
        return xp.log(xp.sum(xp.exp(z))) - z[y]

    found = curvature.gauss_newton_diagonal(model, loss)(pair.model, pair.x, pair.y)
    scaled = gpubp.tree.map(lambda d: BATCH * d, found)
    compare(pair.ours(scaled), pair.backpack("DiagGGNExact", "diag_ggn_exact"))


@pytest.mark.filterwarnings("ignore")  # of Opacus, on its use of PyTorch
def test_clipped_sums_of_opacus(pair):
    opacus = pytest.importorskip("opacus")
    model = opacus.GradSampleModule(pair.torch, loss_reduction="sum")
    criterion = torch.nn.CrossEntropyLoss(reduction="sum")
    criterion(model(torch.from_numpy(pair.x)), torch.from_numpy(pair.y)).backward()
    made = [p.grad_sample.numpy() for p in model.parameters()]
    norms = np.sqrt(sum(np.sum(g.reshape(BATCH, -1) ** 2, axis=1) for g in made))
    limit = float(np.median(norms))
    factors = np.minimum(1.0, limit / norms)
    found = per_example.clipped_sum(pair.loss, limit)(pair.model, pair.x, pair.y)
    compare(pair.ours(found), [np.tensordot(factors, g, axes=1) for g in made])
