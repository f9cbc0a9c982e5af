"""BatchNorm: beside PyTorch's, its state, and where it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import gpubp
from gpubp import errors, nn, random
from gpubp.core import tree
from libraries import Library

KEY = random.key(0, backend="numpy")
RNG = np.random.default_rng(0)
SHAPES = {0: (5, 3), 1: (4, 3, 6), 2: (2, 3, 4, 5)}


def pair(rank: int, **options: Any) -> tuple[nn.BatchNorm, torch.nn.Module]:
    """A layer and PyTorch's, with the same random parameters, in float64."""
    layer = nn.BatchNorm(3, rank=rank, key=KEY, dtype=np.float64, **options)
    layer = tree.map(lambda p: p + 0.1 * RNG.normal(size=p.shape), layer)
    theirs = torch.nn.BatchNorm2d if rank == 2 else torch.nn.BatchNorm1d
    options = {"eps": layer.epsilon, "momentum": layer.momentum}
    other = theirs(3, **options).double()
    with torch.no_grad():
        other.weight.copy_(torch.tensor(layer.weight))
        other.bias.copy_(torch.tensor(layer.bias))
    return layer, other


@pytest.mark.parametrize("rank", SHAPES)
def test_training_and_inference(rank: int, library: Library) -> None:
    layer, other = pair(rank, momentum=0.3, epsilon=1e-3)
    layer = tree.map(library.asarray, layer)
    state = layer.initial_state()
    for _ in range(3):
        x = RNG.normal(size=SHAPES[rank])
        y, state = layer(library.asarray(x), state, training=True)
        expected = other(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(library.to_numpy(y), expected, rtol=1e-12, atol=1e-12)
    for found, running in zip(state, (other.running_mean, other.running_var), strict=True):
        np.testing.assert_allclose(library.to_numpy(found), running.numpy(), rtol=1e-12)
    other.eval()
    y, same = layer(library.asarray(x), state)
    expected = other(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(library.to_numpy(y), expected, rtol=1e-12, atol=1e-12)
    assert same is state


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("rank", SHAPES)
def test_gradients(rank: int, training: bool) -> None:
    layer, other = pair(rank)
    other.train(training)
    x, weights = RNG.normal(size=(2, *SHAPES[rank]))

    def loss(layer: nn.BatchNorm, x: Any) -> Any:
        y, state = layer(x, layer.initial_state(), training=training)
        return (y * y * weights).sum(), state

    found, state = gpubp.grad(loss, argnums=(0, 1), has_aux=True)(layer, x)
    tensor = torch.tensor(x, requires_grad=True)
    y = other(tensor)
    (y * y * torch.tensor(weights)).sum().backward()
    expected = (other.weight.grad, other.bias.grad, tensor.grad)
    for ours, theirs in zip(tree.leaves(found), expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-9, atol=1e-11)
    assert all(type(s) is np.ndarray for s in state)
    gpubp.testing.check_grads(lambda layer, x: loss(layer, x)[0], (layer, x), order=2)


def test_float32_stays_and_the_state_is_no_parameter() -> None:
    layer = nn.BatchNorm(3, key=KEY)
    assert nn.count_parameters(layer) == 6
    y, state = layer(np.ones((2, 3, 4, 4), np.float32), layer.initial_state(), training=True)
    assert {a.dtype for a in (y, *state)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(y, 0)


def test_an_example_alone_is_refused() -> None:
    layer = nn.BatchNorm(3, key=KEY)
    state = layer.initial_state()

    def loss(layer: nn.BatchNorm, x: Any) -> Any:
        return layer(x, state, training=True)[0].sum()

    batch = np.ones((4, 3, 2, 2), np.float32)
    per_example = gpubp.vmap(gpubp.grad(loss), in_axes=(None, 0))
    for x in (batch, batch[:, None]):
        with pytest.raises(errors.ExampleMixingError, match=r"one example .*nn\.GroupNorm"):
            per_example(layer, x)
    infer = gpubp.vmap(lambda x: layer(x, state)[0])
    np.testing.assert_allclose(infer(batch), layer(batch, state)[0], rtol=1e-6)


def test_a_vmap_over_models_has_whole_batches() -> None:
    layers = nn.BatchNorm(3, rank=0, key=random.split(KEY, 2))
    x = RNG.normal(size=(2, 5, 3)).astype(np.float32)

    def train(layer: nn.BatchNorm, x: Any) -> Any:
        return layer(x, layer.initial_state(), training=True)

    found, states = gpubp.vmap(train)(layers, x)
    assert states.mean.shape == (2, 3)
    alone = nn.BatchNorm(3, rank=0, key=KEY)
    np.testing.assert_allclose(found[1], train(alone, x[1])[0], rtol=1e-5, atol=1e-6)


def test_sequential_hands_states_on() -> None:
    k1, k2, drop = random.split(KEY, 3)
    model = nn.Sequential(
        [
            nn.Linear(4, 3, key=k1),
            nn.BatchNorm(3, rank=0, key=KEY),
            nn.Sequential([nn.relu, nn.Dropout(0.5), nn.BatchNorm(3, rank=0, key=KEY)]),
            nn.Linear(3, 2, key=k2),
        ]
    )
    x = RNG.normal(size=(6, 4)).astype(np.float32)
    state = model.initial_state()
    assert tree.structure(state) == tree.structure(
        (model[1].initial_state(), (model[2][2].initial_state(),))
    )
    y, state = model(x, key=drop, state=state, training=True)
    _, first = model[1](model[0](x), model[1].initial_state(), training=True)
    np.testing.assert_array_equal(state[0].mean, first.mean)
    inferred, same = model(x, state=state)
    assert y.shape == inferred.shape == (6, 2)
    np.testing.assert_array_equal(same[1][0].variance, state[1][0].variance)
    with pytest.raises(errors.ArgumentError, match=r"state is missing.*initial_state\(\)"):
        model(x)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 4, 4), r"x has shape \(3, 4, 4\); to train, a batch"),
        ((2, 4, 4, 4), r"with C = 3 and 2 axes S is needed"),
        ((1, 3, 1, 1), r"one number for each channel"),
    ],
)
def test_wrong_batches(shape: tuple[int, ...], message: str) -> None:
    layer = nn.BatchNorm(3, key=KEY)
    with pytest.raises(errors.ShapeError, match=message):
        layer(np.ones(shape, np.float32), layer.initial_state(), training=True)


@pytest.mark.parametrize("options", [{"momentum": 0.0}, {"momentum": 1.5}, {"epsilon": 0.0}])
def test_arguments_that_cannot_be(options: dict[str, float]) -> None:
    with pytest.raises(errors.ArgumentError, match=f"BatchNorm: {next(iter(options))} is"):
        nn.BatchNorm(3, key=KEY, **options)
