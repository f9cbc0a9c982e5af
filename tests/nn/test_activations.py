"""Activations against PyTorch: values, first and second derivatives, and the corners."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import gpubp
from gpubp import nn
from libraries import Library


def elu(x: Any) -> Any:
    return nn.elu(x, 0.7)


ROWS: list[tuple[str, Callable[[Any], Any], Callable[[torch.Tensor], torch.Tensor]]] = [
    ("elu", elu, lambda x: F.elu(x, 0.7)),
    ("gelu", nn.gelu, F.gelu),
    ("gelu-tanh", lambda x: nn.gelu(x, approximate=True), lambda x: F.gelu(x, approximate="tanh")),
    ("hard_tanh", nn.hard_tanh, F.hardtanh),
    ("leaky_relu", lambda x: nn.leaky_relu(x, 0.2), lambda x: F.leaky_relu(x, 0.2)),
    ("log_sigmoid", nn.log_sigmoid, F.logsigmoid),
    ("log_softmax", nn.log_softmax, lambda x: F.log_softmax(x, -1)),
    ("log_softmax-0", lambda x: nn.log_softmax(x, 0), lambda x: F.log_softmax(x, 0)),
    ("mish", nn.mish, F.mish),
    ("relu", nn.relu, F.relu),
    ("relu6", nn.relu6, F.relu6),
    ("selu", nn.selu, F.selu),
    ("sigmoid", nn.sigmoid, torch.sigmoid),
    ("silu", nn.silu, F.silu),
    ("softmax", nn.softmax, lambda x: F.softmax(x, -1)),
    ("softmax-0", lambda x: nn.softmax(x, 0), lambda x: F.softmax(x, 0)),
    ("softplus", nn.softplus, lambda x: F.softplus(x, threshold=1e3)),
    ("softsign", nn.softsign, F.softsign),
    ("tanh", nn.tanh, torch.tanh),
]
# Both sides, both tails, and every kink; the last row ties.
X = np.asarray(
    [[-0.3, 0.8, 2.5, -1.7], [0.0, -1.0, 1.0, 6.0], [-30.0, 30.0, -5.0, 5.0], [0.0, 0.0, 0.0, 0.0]]
)

parametrize = pytest.mark.parametrize(
    ("ours", "theirs"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)


def test_every_activation_has_a_row() -> None:
    functions = {name for name in nn.__all__ if inspect.isfunction(getattr(nn, name))}
    helpers = {"count_parameters", "dot_product_attention", "field", "replace"}
    helpers |= {"convolution", "convolution_transpose"}
    assert functions - helpers == {row[0].partition("-")[0] for row in ROWS}


@parametrize
def test_value(ours, theirs, library: Library) -> None:
    y = library.to_numpy(ours(library.asarray(X)))
    np.testing.assert_allclose(y, theirs(torch.tensor(X)).numpy(), rtol=1e-13, atol=1e-15)


@parametrize
def test_float32_stays(ours, theirs, library: Library) -> None:
    x = library.asarray(X.astype(np.float32))
    y = ours(x)
    assert y.dtype == library.xp.float32
    # In float64, as PyTorch's own float32 loses the tails of gelu.
    expected = theirs(torch.tensor(X.astype(np.float32).astype(float))).numpy()
    np.testing.assert_allclose(library.to_numpy(y), expected, rtol=2e-6, atol=2e-7)
    assert gpubp.grad(lambda x: total(ours(x)))(x).dtype == library.xp.float32


def total(y: Any) -> Any:
    return y.__array_namespace__().sum(y)


@parametrize
def test_gradient(ours, theirs, library: Library) -> None:
    weights = np.random.default_rng(0).normal(size=X.shape)
    x = torch.tensor(X, requires_grad=True)
    (theirs(x) * torch.tensor(weights)).sum().backward()

    def scalar(x: Any) -> Any:
        y = ours(x)
        return total(y * y.__array_namespace__().asarray(library.asarray(weights)))

    found = library.to_numpy(gpubp.grad(scalar)(library.asarray(X)))
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-11, atol=1e-14)


@parametrize
def test_second_derivative(ours, theirs) -> None:
    generator = np.random.default_rng(0)
    weights, tangent = generator.normal(size=(2, *X.shape))
    x = torch.tensor(X, requires_grad=True)
    (first,) = torch.autograd.grad((theirs(x) * torch.tensor(weights)).sum(), x, create_graph=True)
    expected = np.zeros_like(X)
    if first.requires_grad:
        (second,) = torch.autograd.grad((first * torch.tensor(tangent)).sum(), x)
        expected = second.numpy()
    _, found = gpubp.jvp(gpubp.grad(lambda x: total(ours(x) * weights)), (X,), (tangent,))
    if ours in (nn.selu, elu):  # at 0 PyTorch takes the left slope, but the right curvature
        found, expected = found[X != 0], expected[X != 0]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "f",
    [nn.sigmoid, nn.log_sigmoid, nn.softplus, nn.softmax, nn.log_softmax, nn.gelu, nn.elu, nn.mish],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows(f, dtype) -> None:
    x = np.asarray([-1e4, -800.0, 0.0, 800.0, 1e4], dtype=dtype)
    assert np.isfinite(f(x)).all()
    assert np.isfinite(gpubp.grad(lambda x: total(f(x)))(x)).all()


@pytest.mark.parametrize("name", [n for n in dir(nn) if n in {row[0] for row in ROWS}])
def test_nan_comes_through(name: str) -> None:
    assert np.isnan(getattr(nn, name)(np.asarray([np.nan, 1.0]))[0])


def test_sigmoid_keeps_its_relative_accuracy_in_the_tail() -> None:
    x = np.asarray([-700.0, -100.0, -40.0])
    np.testing.assert_allclose(nn.sigmoid(x), np.exp(x) / (1 + np.exp(x)), rtol=1e-15)


def test_softmax_of_masked_scores() -> None:
    x = np.asarray([-np.inf, 0.0, 0.0])
    np.testing.assert_array_equal(nn.softmax(x), [0.0, 0.5, 0.5])
    found = gpubp.grad(lambda x: nn.softmax(x)[1])(x)
    np.testing.assert_array_equal(found, [0.0, 0.25, -0.25])
