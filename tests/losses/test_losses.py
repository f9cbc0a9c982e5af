"""Laws that every loss keeps, one row a loss, with PyTorch as the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import gpubp
from gpubp import errors, losses
from libraries import Library

generator = np.random.default_rng(0)
N, C = 6, 4
PREDICTION = generator.normal(size=(N, C))
TARGET = generator.normal(size=(N, C))
TARGET[0] = PREDICTION[0]  # differences of exactly 0
PREDICTION[1, :2] = TARGET[1, :2] + [1.5, -0.25]
PROBABILITIES = generator.dirichlet(np.ones(C), size=N)
PROBABILITIES[0] = [0, 1, 0, 0]
CLASSES = generator.integers(0, C, size=N)
BITS = generator.integers(0, 2, size=(N, C))
LOGITS = PREDICTION.copy()
LOGITS[2] = 0.0
LOGITS[3] = [40.0, -40.0, 0.0, 3.0]
IMAGES = generator.normal(size=(N, C, 3))
IMAGE_CLASSES = generator.integers(0, C, size=(N, 3))


@dataclass(frozen=True)
class Case:
    """A loss, what it is called with, and its values before reduction in PyTorch."""

    name: str
    loss: Callable[..., Any]
    prediction: np.ndarray
    target: np.ndarray
    reference: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    options: dict[str, Any]


def case(
    name: str, loss: Any, prediction: Any, target: Any, reference: Any, **options: Any
) -> Case:
    return Case(name, loss, prediction, target, reference, options)


def cross_entropy(x: torch.Tensor, y: torch.Tensor, **options: Any) -> torch.Tensor:
    return F.cross_entropy(x, y, reduction="none", **options)


CASES = [
    case("mse", losses.mse, PREDICTION, TARGET, lambda x, y: (x - y) ** 2),
    case(
        "half_squared_error",
        losses.half_squared_error,
        PREDICTION,
        TARGET,
        lambda x, y: 0.5 * ((x - y) ** 2).sum(-1),
    ),
    case("mae", losses.mae, PREDICTION, TARGET, lambda x, y: F.l1_loss(x, y, reduction="none")),
    case(
        "huber", losses.huber, PREDICTION, TARGET, lambda x, y: F.huber_loss(x, y, reduction="none")
    ),
    case(
        "huber-delta",
        losses.huber,
        PREDICTION,
        TARGET,
        lambda x, y: F.huber_loss(x, y, reduction="none", delta=0.5),
        delta=0.5,
    ),
    case("cross_entropy-classes", losses.cross_entropy, LOGITS, CLASSES, cross_entropy),
    case("cross_entropy-uint8", losses.cross_entropy, LOGITS, CLASSES.astype("u1"), cross_entropy),
    case("cross_entropy-probabilities", losses.cross_entropy, LOGITS, PROBABILITIES, cross_entropy),
    case(
        "cross_entropy-smoothed-classes",
        losses.cross_entropy,
        LOGITS,
        CLASSES,
        lambda x, y: cross_entropy(x, y, label_smoothing=0.2),
        label_smoothing=0.2,
    ),
    case(
        "cross_entropy-smoothed-probabilities",
        losses.cross_entropy,
        LOGITS,
        PROBABILITIES,
        lambda x, y: cross_entropy(x, y, label_smoothing=0.2),
        label_smoothing=0.2,
    ),
    case("cross_entropy-axis", losses.cross_entropy, IMAGES, IMAGE_CLASSES, cross_entropy, axis=1),
    case(
        "binary_cross_entropy",
        losses.binary_cross_entropy,
        LOGITS,
        BITS,
        lambda x, y: F.binary_cross_entropy_with_logits(x, y.double(), reduction="none"),
    ),
    case(
        "binary_cross_entropy-probabilities",
        losses.binary_cross_entropy,
        LOGITS,
        PROBABILITIES,
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
    ),
    case(
        "kl_divergence",
        losses.kl_divergence,
        np.log(generator.dirichlet(np.ones(C), size=N)),
        PROBABILITIES,
        lambda x, y: F.kl_div(x, y, reduction="none").sum(-1),
    ),
]
REDUCTIONS = {"mean": torch.mean, "sum": torch.sum, None: lambda x: x}

parametrize = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def expected(case: Case) -> torch.Tensor:
    target = case.target.astype(np.int64) if case.target.dtype.kind in "iu" else case.target
    return case.reference(torch.tensor(case.prediction, requires_grad=True), torch.tensor(target))


@parametrize
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_value(case: Case, reduction: Any, library: Library) -> None:
    found = case.loss(
        library.asarray(case.prediction),
        library.asarray(case.target),
        reduction=reduction,
        **case.options,
    )
    wanted = REDUCTIONS[reduction](expected(case)).detach().numpy()
    assert tuple(found.shape) == wanted.shape
    np.testing.assert_allclose(library.to_numpy(found), wanted, rtol=1e-12, atol=1e-15)


@parametrize
def test_never_negative(case: Case) -> None:
    assert (case.loss(case.prediction, case.target, reduction=None, **case.options) >= 0).all()


@parametrize
def test_one_example_is_a_row_of_the_batch(case: Case) -> None:
    options = case.options | {"reduction": None}
    if "axis" in options:
        options["axis"] -= 1
    batch = case.loss(case.prediction, case.target, reduction=None, **case.options)
    alone = case.loss(case.prediction[2], case.target[2], **options)
    np.testing.assert_allclose(alone, batch[2], rtol=1e-14)
    mapped = gpubp.vmap(lambda x, y: case.loss(x, y, **options))(case.prediction, case.target)
    np.testing.assert_allclose(mapped, batch, rtol=1e-14)


@parametrize
def test_float32_stays(case: Case, library: Library) -> None:
    x = library.asarray(case.prediction.astype(np.float32))
    target = case.target if case.target.dtype.kind in "iu" else case.target.astype(np.float32)
    found, gradient = gpubp.value_and_grad(
        lambda x: case.loss(x, library.asarray(target), **case.options)
    )(x)
    assert found.dtype == library.xp.float32
    assert gradient.dtype == library.xp.float32
    wanted = expected(case).mean().item()
    np.testing.assert_allclose(float(library.to_numpy(found)), wanted, rtol=1e-5)


@parametrize
def test_gradient(case: Case, library: Library) -> None:
    x = torch.tensor(case.prediction, requires_grad=True)
    target = case.target.astype(np.int64) if case.target.dtype.kind in "iu" else case.target
    case.reference(x, torch.tensor(target)).mean().backward()
    found = gpubp.grad(lambda x, y: case.loss(x, y, **case.options))(
        library.asarray(case.prediction), library.asarray(case.target)
    )
    np.testing.assert_allclose(library.to_numpy(found), x.grad.numpy(), rtol=1e-11, atol=1e-15)


@parametrize
def test_hessian(case: Case) -> None:
    """Against central differences of the gradient: some of PyTorch's are wrong at ties."""
    x = case.prediction
    tangent = np.random.default_rng(1).normal(size=x.shape)
    gradient = gpubp.grad(lambda x: case.loss(x, case.target, reduction="sum", **case.options))
    _, found = gpubp.jvp(gradient, (x,), (tangent,))
    step = 1e-5
    away = np.abs(x - case.target) > 1e-3 if case.name == "mae" else np.ones(x.shape, dtype=bool)
    difference = (gradient(x + step * tangent) - gradient(x - step * tangent)) / (2 * step)
    np.testing.assert_allclose(found[away], difference[away], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "loss",
    [losses.mse, losses.half_squared_error, losses.mae, losses.huber],
    ids=lambda f: f.__name__,
)
def test_zero_and_stationary_at_the_target(loss: Any) -> None:
    value, gradient = gpubp.value_and_grad(loss)(TARGET, TARGET)
    assert value == 0
    np.testing.assert_array_equal(gradient, np.zeros_like(TARGET))


def test_divergences_are_least_at_the_target() -> None:
    logits = np.log(PROBABILITIES[1:])
    assert abs(losses.kl_divergence(logits, PROBABILITIES[1:])) < 1e-15
    for loss in (losses.cross_entropy, losses.kl_divergence):
        gradient = gpubp.grad(lambda x, loss=loss: loss(log_softmax(x), PROBABILITIES[1:]))(logits)
        np.testing.assert_allclose(gradient, np.zeros_like(logits), atol=1e-15)


def log_softmax(x: Any) -> Any:
    from gpubp import nn

    return nn.log_softmax(x)


def test_half_squared_error_has_the_notes_gradient() -> None:
    y, a = TARGET[2], PREDICTION[2]
    np.testing.assert_allclose(gpubp.grad(losses.half_squared_error)(a, y), a - y, rtol=1e-15)
    assert losses.half_squared_error(a, y) == pytest.approx(0.5 * np.linalg.norm(y - a) ** 2)
    assert losses.half_squared_error(np.asarray(3.0), np.asarray(1.0)) == 2.0


def test_a_confident_and_right_prediction_costs_next_to_nothing() -> None:
    logits = np.asarray([1000.0, 985.0], dtype=np.float32)
    found = losses.cross_entropy(logits, np.asarray(0))
    assert found == pytest.approx(np.log1p(np.exp(-15.0)), rel=0.25)


def test_masked_logits() -> None:
    logits = np.asarray([0.0, -np.inf, 1.0])
    value, gradient = gpubp.value_and_grad(losses.cross_entropy)(logits, np.asarray(0))
    assert value == pytest.approx(np.log(1 + np.e))
    assert np.isfinite(gradient).all()


def test_impossible_outcomes_in_kl() -> None:
    log_prediction = np.asarray([np.log(0.5), np.log(0.5), -np.inf])
    value, gradient = gpubp.value_and_grad(losses.kl_divergence, argnums=(0, 1))(
        log_prediction, np.asarray([1.0, 0.0, 0.0])
    )
    assert value == pytest.approx(np.log(2))
    np.testing.assert_array_equal(gradient[0], [-1.0, 0.0, 0.0])
    assert np.isfinite(gradient[1]).all()


def test_every_loss_has_a_row() -> None:
    assert {case.loss.__name__ for case in CASES} == set(losses.__all__)


SAME_SHAPE = {
    losses.mse: "prediction",
    losses.half_squared_error: "prediction",
    losses.mae: "prediction",
    losses.huber: "prediction",
    losses.binary_cross_entropy: "logits",
    losses.kl_divergence: "log_prediction",
    losses.cross_entropy: "logits",
}


@pytest.mark.parametrize("loss", SAME_SHAPE, ids=lambda f: f.__name__)
def test_shapes_must_be_equal(loss: Any) -> None:
    message = rf"{loss.__name__}: {SAME_SHAPE[loss]} has shape \(3, 1\) and target has \(3,\)"
    with pytest.raises(errors.ShapeError, match=message):
        loss(np.zeros((3, 1)), np.zeros(3))


@pytest.mark.parametrize("loss", SAME_SHAPE, ids=lambda f: f.__name__)
def test_integers_are_no_predictions(loss: Any) -> None:
    with pytest.raises(TypeError, match=rf"{loss.__name__}: {SAME_SHAPE[loss]} has dtype int64"):
        loss(np.zeros(3, dtype=np.int64), np.zeros(3))


@pytest.mark.parametrize("loss", SAME_SHAPE, ids=lambda f: f.__name__)
def test_unknown_reduction(loss: Any) -> None:
    with pytest.raises(errors.ArgumentError, match=rf"{loss.__name__}: reduction is 'none'"):
        loss(np.zeros(3), np.zeros(3), reduction="none")


def test_class_indices_of_a_wrong_shape() -> None:
    with pytest.raises(errors.ShapeError, match=r"target has shape \(4,\).*have shape \(3,\)"):
        losses.cross_entropy(np.zeros((3, 4)), np.zeros(4, dtype=np.int64))


def test_class_indices_that_are_floats() -> None:
    with pytest.raises(errors.ShapeError, match=r"float64; class indices are integers.*astype"):
        losses.cross_entropy(np.zeros((3, 4)), np.zeros(3))


def test_arguments_out_of_range() -> None:
    x = np.zeros(3)
    with pytest.raises(ValueError, match="huber: delta is 0; it must be positive"):
        losses.huber(x, x, delta=0)
    with pytest.raises(ValueError, match="label_smoothing is 2; it must be between 0 and 1"):
        losses.cross_entropy(x, x, label_smoothing=2)
    with pytest.raises(ValueError, match=r"cross_entropy: axis is 1, but .* \(3,\)"):
        losses.cross_entropy(x, x, axis=1)
