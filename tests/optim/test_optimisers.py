"""Laws that every optimiser keeps, one row each, with torch.optim as the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import gpubp
from gpubp import errors, nn, optim, random
from gpubp.core import tree
from libraries import Library

RATE = 0.05
ROWS: dict[str, tuple[optim.GradientTransformation, Callable[..., torch.optim.Optimizer]]] = {
    "sgd": (optim.sgd(RATE), lambda p: torch.optim.SGD(p, RATE)),
    "momentum": (
        optim.sgd(RATE, momentum=0.8),
        lambda p: torch.optim.SGD(p, RATE, momentum=0.8),
    ),
    "nesterov": (
        optim.sgd(RATE, momentum=0.8, nesterov=True),
        lambda p: torch.optim.SGD(p, RATE, momentum=0.8, nesterov=True),
    ),
    "l2-momentum": (
        optim.chain(optim.add_decayed_weights(0.1), optim.sgd(RATE, momentum=0.8)),
        lambda p: torch.optim.SGD(p, RATE, momentum=0.8, weight_decay=0.1),
    ),
    "adam": (optim.adam(RATE), lambda p: torch.optim.Adam(p, RATE)),
    "adam-options": (
        optim.adam(RATE, b1=0.8, b2=0.95, epsilon=1e-3),
        lambda p: torch.optim.Adam(p, RATE, betas=(0.8, 0.95), eps=1e-3),
    ),
    "adamw": (
        optim.adamw(RATE, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, RATE, weight_decay=0.1),
    ),
    "rmsprop": (optim.rmsprop(RATE), lambda p: torch.optim.RMSprop(p, RATE)),
    "rmsprop-momentum": (
        optim.rmsprop(RATE, decay=0.9, epsilon=1e-3, momentum=0.8),
        lambda p: torch.optim.RMSprop(p, RATE, alpha=0.9, eps=1e-3, momentum=0.8),
    ),
    "adam-schedule": (
        optim.adam(optim.schedules.exponential_decay(RATE, steps=1, factor=0.99)),
        lambda p: torch.optim.Adam(p, RATE),
    ),
}
generator = np.random.default_rng(0)
PARAMS = {"w": generator.normal(size=(3, 2)), "b": [generator.normal(size=2), np.asarray(0.7)]}
CENTRE = {"w": generator.normal(size=(3, 2)), "b": [np.zeros(2), np.asarray(-0.3)]}
SCALE = {"w": 3.0, "b": [0.5, 1.0]}


@pytest.fixture(params=ROWS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def gradients(params: Any, centre: Any) -> Any:
    """Of sum(scale / 2 * (p - centre)^2), by hand."""
    return tree.map(lambda p, c, s: s * (p - c), params, centre, SCALE)


def distance(params: Any, centre: Any) -> float:
    return max(
        float(np.max(np.abs(p - c)))
        for p, c in zip(*map(tree.leaves, (params, centre)), strict=True)
    )


def test_trajectory(name: str, library: Library) -> None:
    optimiser, theirs = ROWS[name]
    params, centre = (tree.map(library.asarray, t) for t in (PARAMS, CENTRE))
    state = optimiser.init(params)
    reference = [torch.tensor(p) for p in tree.leaves(PARAMS)]
    torch_optimiser = theirs(reference)
    for step in range(12):
        updates, state = optimiser.update(gradients(params, centre), state, params)
        params = optim.apply_updates(params, updates)
        for p, c, s in zip(reference, *map(tree.leaves, (CENTRE, SCALE)), strict=True):
            p.grad = s * (p - torch.tensor(c))
        if name == "adam-schedule":
            torch_optimiser.param_groups[0]["lr"] = RATE * 0.99**step
        torch_optimiser.step()
        for ours, p in zip(tree.leaves(params), reference, strict=True):
            found = library.to_numpy(ours)
            assert found.dtype == np.float64
            np.testing.assert_allclose(found, p.numpy(), rtol=1e-11, atol=1e-13)


def test_minimises_a_quadratic(name: str) -> None:
    optimiser, _ = ROWS[name]
    params, state = PARAMS, optimiser.init(PARAMS)
    for _ in range(300):
        updates, state = optimiser.update(gradients(params, CENTRE), state, params)
        params = optim.apply_updates(params, updates)
    # Decay and a shrinking rate stop short of the minimum; sign-like steps circle around it.
    reach = {"l2-momentum": 0.4, "adamw": 0.1, "rmsprop": 0.1, "rmsprop-momentum": 0.1}
    assert distance(params, CENTRE) < reach.get(name, 0.01)


def test_state_is_a_tree_of_arrays_that_keeps_its_form(name: str, library: Library) -> None:
    """What a recorded step needs to be replayed: nothing changes but the arrays' elements."""
    optimiser, _ = ROWS[name]
    params = tree.map(lambda p: library.asarray(p.astype(np.float32)), PARAMS)
    state = optimiser.init(params)
    kinds = {type(leaf) for leaf in tree.leaves(params)}
    assert {type(leaf) for leaf in tree.leaves(state)} <= kinds
    updates, after = optimiser.update(params, state, params)
    new = optim.apply_updates(params, updates)
    assert {type(leaf) for leaf in tree.leaves((after, updates, new))} <= kinds
    assert tree.structure(after) == tree.structure(state)
    before, now = tree.leaves((state, params, params)), tree.leaves((after, updates, new))
    for one, other in zip(before, now, strict=True):
        assert (one.dtype, one.shape, one.device) == (other.dtype, other.shape, other.device)


def test_update_is_pure(name: str) -> None:
    optimiser, _ = ROWS[name]
    state = optimiser.init(PARAMS)
    before = tree.map(np.copy, (PARAMS, state))
    first = optimiser.update(PARAMS, state, PARAMS)
    second = optimiser.update(PARAMS, state, PARAMS)
    for one, other in zip(*map(tree.leaves, (first, second)), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(*map(tree.leaves, (before, (PARAMS, state))), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_parameter_without_a_gradient_is_left_alone(name: str) -> None:
    optimiser, _ = ROWS[name]
    params = {"w": np.ones(2), "frozen": np.ones(3), "steps": np.asarray(5)}
    state = optimiser.init(params)
    grads = {"w": np.ones(2), "frozen": None, "steps": None}
    for _ in range(2):
        updates, state = optimiser.update(grads, state, params)
        params = optim.apply_updates(params, updates)
    assert updates["frozen"] is None
    np.testing.assert_array_equal(params["frozen"], np.ones(3))
    assert params["steps"] == 5
    assert (params["w"] < 1).all()


def test_a_model_without_biases(name: str) -> None:
    optimiser, _ = ROWS[name]
    model = nn.MLP([3, 4, 1], bias=False, key=random.key(0, backend="numpy"))
    x = np.ones((5, 3), dtype=np.float32)
    objective = gpubp.value_and_grad(lambda model: (model(x) * model(x)).sum())
    state = optimiser.init(model)
    first, _ = objective(model)
    for _ in range(10):
        _, grads = objective(model)
        updates, state = optimiser.update(grads, state, model)
        model = optim.apply_updates(model, updates)
    assert objective(model)[0] < first
    assert model.layers[0].bias is None


def test_mixed_dtypes_stay(name: str, library: Library) -> None:
    optimiser, _ = ROWS[name]
    params = {
        "single": library.asarray(np.ones(2, dtype=np.float32)),
        "double": library.asarray(np.ones(2)),
    }
    updates, _ = optimiser.update(params, optimiser.init(params), params)
    params = optim.apply_updates(params, updates)
    assert params["single"].dtype == library.xp.float32
    assert params["double"].dtype == library.xp.float64


def test_a_step_can_be_batched(name: str, library: Library) -> None:
    """An ensemble in one call: members, states and counts with a leading axis."""
    optimiser, _ = ROWS[name]
    members = {"w": library.asarray(np.random.default_rng(1).normal(size=(3, 2)))}

    def step(params: Any, state: Any) -> Any:
        updates, state = optimiser.update(params, state, params)
        return optim.apply_updates(params, updates), state

    states = gpubp.vmap(optimiser.init)(members)
    for _ in range(2):
        members, states = gpubp.vmap(step)(members, states)
    alone = {"w": library.asarray(np.random.default_rng(1).normal(size=(3, 2))[1])}
    state = optimiser.init(alone)
    for _ in range(2):
        alone, state = step(alone, state)
    for one, other in zip(*map(tree.leaves, ((members, states), (alone, state))), strict=True):
        np.testing.assert_allclose(
            library.to_numpy(one)[1], library.to_numpy(other), rtol=1e-13, atol=1e-16
        )


def test_a_gradient_through_two_steps(name: str) -> None:
    optimiser, _ = ROWS[name]
    start = np.asarray([0.3, -0.8, 1.2])

    def after_two_steps(p: Any) -> Any:
        state = optimiser.init(p)
        for _ in range(2):
            updates, state = optimiser.update(p * p * p, state, p)
            p = optim.apply_updates(p, updates)
        return p[0] * p[1] + p[2]

    h = 1e-6 * np.eye(3)
    expected = [(after_two_steps(start + d) - after_two_steps(start - d)) / 2e-6 for d in h]
    np.testing.assert_allclose(gpubp.grad(after_two_steps)(start), expected, rtol=1e-5, atol=1e-7)


def test_first_step_of_adam_has_the_size_of_the_rate_in_float32() -> None:
    params = {"w": np.asarray([1.0, 1.0], dtype=np.float32)}
    optimiser = optim.adam(1e-3)
    grads = {"w": np.asarray([5.0, -1e-2], dtype=np.float32)}
    updates, _ = optimiser.update(grads, optimiser.init(params), params)
    np.testing.assert_allclose(updates["w"], [-1e-3, 1e-3], rtol=2e-6)


def test_decoupled_decay_does_not_touch_the_moments() -> None:
    params = {"w": np.asarray([2.0])}
    grads = {"w": np.asarray([0.5])}
    plain, decayed = optim.adam(RATE), optim.adamw(RATE, weight_decay=0.1)
    one, state = plain.update(grads, plain.init(params), params)
    other, decayed_state = decayed.update(grads, decayed.init(params), params)
    np.testing.assert_allclose(other["w"] - one["w"], -RATE * 0.1 * params["w"], rtol=1e-12)
    np.testing.assert_array_equal(state[0].mean["w"], decayed_state[0].mean["w"])


def test_mask_spares_biases_from_decay() -> None:
    params = {"weight": np.ones(2), "bias": np.ones(2)}
    optimiser = optim.chain(
        optim.add_decayed_weights(0.1, mask=lambda p: {"weight": True, "bias": False})
    )
    grads = tree.map(np.zeros_like, params)
    updates, _ = optimiser.update(grads, optimiser.init(params), params)
    np.testing.assert_array_equal(updates["weight"], [0.1, 0.1])
    np.testing.assert_array_equal(updates["bias"], [0.0, 0.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.sgd(-1.0), "learning_rate is -1.0; it must not be negative"),
        (lambda: optim.sgd(0.1, nesterov=True), "nesterov needs momentum"),
        (lambda: optim.sgd(0.1, momentum=1.0), "trace: decay is 1.0"),
        (lambda: optim.adam(0.1, b1=1.0), "adam: b1 is 1.0; it must be between 0 and 1"),
        (lambda: optim.adam(0.1, epsilon=0.0), "adam: epsilon is 0.0; it must be positive"),
        (lambda: optim.adamw(0.1, weight_decay=-1.0), "add_decayed_weights: rate is -1.0"),
        (lambda: optim.rmsprop(0.1, decay=1.0), "rmsprop: decay is 1.0"),
        (lambda: optim.rmsprop(0.1, epsilon=-1.0), "rmsprop: epsilon is -1.0"),
    ],
)
def test_arguments_out_of_range(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(errors.ArgumentError, match=message):
        make()


def test_missing_params_and_foreign_states() -> None:
    grads = {"w": np.ones(2)}
    optimiser = optim.adamw(0.1)
    state = optimiser.init(grads)
    with pytest.raises(errors.ArgumentError, match=r"params is missing. Remedy: update\(grads, st"):
        optimiser.update(grads, state)
    with pytest.raises(errors.ArgumentError, match="state has 3 parts for 2 transformations"):
        optim.adam(0.1).update(grads, state, grads)
    with pytest.raises(errors.ArgumentError, match="state is None for 2 transformations"):
        optim.adam(0.1).update(grads, None, grads)
    with pytest.raises(errors.ArgumentTypeError, match=r"is the text '0\.1'"):
        optim.adam("0.1")  # type: ignore[arg-type]  # the mistake on trial
    with pytest.raises(errors.ArgumentError, match="adam: params holds no floating-point array"):
        optim.adam(0.1).init({"steps": np.asarray(3)})
