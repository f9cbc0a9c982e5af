"""Laws that every layer keeps, one row a layer, with PyTorch as the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import gpubp
from gpubp import nn, random
from gpubp.core import tree
from libraries import Library


@dataclass(frozen=True)
class Case:
    """A layer, the shape of one example, and the same function in PyTorch.

    ``reference(x, *parameters)`` takes the layer's arrays in the order of its tree.
    """

    name: str
    make: Callable[[Any], nn.Module]
    example: tuple[int, ...]
    reference: Callable[..., torch.Tensor]
    call: dict[str, Any] | None = None


def attention(x, wq, bq, wk, bk, wv, bv, wo, bo, causal=False):
    q, k, v = (F.linear(x, w, b) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
    q, k, v = (t.unflatten(-1, (2, 4)).transpose(-2, -3) for t in (q, k, v))
    scores = q @ k.transpose(-1, -2) / 2.0
    if causal:
        scores = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf)
    mixed = scores.softmax(-1) @ v
    return F.linear(mixed.transpose(-2, -3).flatten(-2), wo, bo)


D = np.float64
IMAGE = (4, 7, 6)
CASES = [
    Case("linear", lambda k: nn.Linear(5, 3, key=k, dtype=D), (5,), F.linear),
    Case(
        "linear-no-bias",
        lambda k: nn.Linear(5, 3, bias=False, key=k, dtype=D),
        (2, 5),
        lambda x, w: x @ w.T,
    ),
    Case(
        "layer-norm",
        lambda k: nn.LayerNorm(6, key=k, dtype=D),
        (6,),
        lambda x, w, b: F.layer_norm(x, (6,), w, b),
    ),
    Case(
        "layer-norm-2-axes",
        lambda k: nn.LayerNorm((3, 4), key=k, dtype=D, epsilon=1e-3),
        (3, 4),
        lambda x, w, b: F.layer_norm(x, (3, 4), w, b, 1e-3),
    ),
    Case(
        "layer-norm-plain",
        lambda k: nn.LayerNorm(6, affine=False),
        (6,),
        lambda x: F.layer_norm(x, (6,)),
    ),
    Case(
        "rms-norm",
        lambda k: nn.RMSNorm((3, 4), key=k, dtype=D, epsilon=1e-3),
        (3, 4),
        lambda x, w: F.rms_norm(x, (3, 4), w, 1e-3),
    ),
    Case(
        "group-norm",
        lambda k: nn.GroupNorm(2, 4, key=k, dtype=D),
        IMAGE,
        lambda x, w, b: F.group_norm(x.reshape(-1, *x.shape[-3:]), 2, w, b).reshape(x.shape),
    ),
    Case(
        "instance-norm",
        lambda k: nn.GroupNorm(3, 3, rank=1, affine=False, epsilon=1e-3),
        (3, 5),
        lambda x: F.instance_norm(x, eps=1e-3),
    ),
    Case("conv", lambda k: nn.Conv2d(4, 6, 3, key=k, dtype=D), IMAGE, F.conv2d),
    Case(
        "conv-same",
        lambda k: nn.Conv2d(4, 6, (3, 2), padding="same", key=k, dtype=D),
        IMAGE,
        lambda x, w, b: F.conv2d(x, w, b, padding="same"),
    ),
    Case(
        "conv-1x1",
        lambda k: nn.Conv2d(4, 6, 1, bias=False, key=k, dtype=D),
        IMAGE,
        lambda x, w: F.conv2d(x, w),
    ),
    Case(
        "conv-everything",
        lambda k: nn.Conv2d(
            4, 6, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 2), groups=2, key=k, dtype=D
        ),
        IMAGE,
        lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(2, 1), dilation=(1, 2), groups=2),
    ),
    Case(
        "conv-depthwise-uneven",
        lambda k: nn.Conv2d(4, 4, 2, padding=((0, 1), (1, 0)), groups=4, key=k, dtype=D),
        IMAGE,
        lambda x, w, b: F.conv2d(F.pad(x, (1, 0, 0, 1)), w, b, groups=4),
    ),
    Case(
        "conv-many-channels",
        lambda k: nn.Conv2d(16, 9, 3, stride=(1, 2), padding=1, key=k, dtype=D),
        (16, 6, 5),
        lambda x, w, b: F.conv2d(x, w, b, stride=(1, 2), padding=1),
    ),
    Case(
        "conv-1d",
        lambda k: nn.Conv1d(4, 6, 3, stride=2, key=k, dtype=D),
        (4, 9),
        lambda x, w, b: F.conv1d(x, w, b, stride=2),
    ),
    Case(
        "conv-3d",
        lambda k: nn.Conv3d(2, 4, (1, 2, 3), padding=(0, 1, 1), groups=2, key=k, dtype=D),
        (2, 3, 4, 3),
        lambda x, w, b: F.conv3d(x, w, b, padding=(0, 1, 1), groups=2),
    ),
    Case(
        "conv-transpose",
        lambda k: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, extra=1, key=k, dtype=D),
        IMAGE,
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1),
    ),
    Case(
        "conv-transpose-groups",
        lambda k: nn.ConvTranspose2d(
            4, 6, (3, 2), dilation=(1, 2), groups=2, bias=False, key=k, dtype=D
        ),
        IMAGE,
        lambda x, w: F.conv_transpose2d(x, w, dilation=(1, 2), groups=2),
    ),
    Case(
        "conv-transpose-same",
        lambda k: nn.ConvTranspose1d(4, 2, 4, stride=2, padding="same", key=k, dtype=D),
        (4, 5),
        lambda x, w, b: F.conv_transpose1d(x, w, b, stride=2, padding=1),
    ),
    Case(
        "conv-transpose-3d",
        lambda k: nn.ConvTranspose3d(2, 3, 2, stride=(1, 2, 1), key=k, dtype=D),
        (2, 2, 3, 2),
        lambda x, w, b: F.conv_transpose3d(x, w, b, stride=(1, 2, 1)),
    ),
    Case("max-pool", lambda k: nn.MaxPool2d(2), IMAGE, lambda x: F.max_pool2d(x, 2)),
    Case(
        "max-pool-overlapping",
        lambda k: nn.MaxPool2d((3, 2), stride=(2, 1), padding=1),
        IMAGE,
        lambda x: F.max_pool2d(x, (3, 2), stride=(2, 1), padding=1),
    ),
    Case("max-pool-1d", lambda k: nn.MaxPool1d(2), (3, 7), lambda x: F.max_pool1d(x, 2)),
    Case("max-pool-3d", lambda k: nn.MaxPool3d(2), (1, 4, 4, 5), lambda x: F.max_pool3d(x, 2)),
    Case(
        "avg-pool-1d",
        lambda k: nn.AvgPool1d(3, stride=2, padding=1),
        (3, 7),
        lambda x: F.avg_pool1d(x, 3, 2, 1),
    ),
    Case("avg-pool-3d", lambda k: nn.AvgPool3d(2), (1, 4, 4, 5), lambda x: F.avg_pool3d(x, 2)),
    Case("avg-pool", lambda k: nn.AvgPool2d(2), IMAGE, lambda x: F.avg_pool2d(x, 2)),
    Case(
        "avg-pool-overlapping",
        lambda k: nn.AvgPool2d((3, 2), stride=(2, 1), padding=1),
        IMAGE,
        lambda x: F.avg_pool2d(x, (3, 2), stride=(2, 1), padding=1),
    ),
    *[
        Case(f"adaptive-{ours.__name__}-{size}", lambda k, o=ours, n=size: o(n), example, theirs)
        for ours, size, example, theirs in [
            (nn.AdaptiveAvgPool1d, 3, (2, 5), lambda x: F.adaptive_avg_pool1d(x, 3)),
            (nn.AdaptiveAvgPool2d, (3, 2), IMAGE, lambda x: F.adaptive_avg_pool2d(x, (3, 2))),
            (nn.AdaptiveAvgPool2d, (7, 3), IMAGE, lambda x: F.adaptive_avg_pool2d(x, (7, 3))),
            (nn.AdaptiveAvgPool3d, 1, (1, 2, 3, 2), lambda x: F.adaptive_avg_pool3d(x, 1)),
            (nn.AdaptiveMaxPool1d, 2, (2, 4), lambda x: F.adaptive_max_pool1d(x, 2)),
            (nn.AdaptiveMaxPool2d, (3, 4), IMAGE, lambda x: F.adaptive_max_pool2d(x, (3, 4))),
            (nn.AdaptiveMaxPool3d, 2, (1, 2, 3, 2), lambda x: F.adaptive_max_pool3d(x, 2)),
        ]
    ],
    Case(
        "attention", lambda k: nn.MultiHeadAttention(8, heads=2, key=k, dtype=D), (5, 8), attention
    ),
    Case(
        "attention-causal",
        lambda k: nn.MultiHeadAttention(8, heads=2, key=k, dtype=D),
        (5, 8),
        lambda *arrays: attention(*arrays, causal=True),
        {"causal": True},
    ),
    Case(
        "mlp",
        lambda k: nn.MLP([5, 4, 3], activation=nn.tanh, key=k, dtype=D),
        (5,),
        lambda x, w1, b1, w2, b2: F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2),
    ),
    Case(
        "sequential",
        lambda k: nn.Sequential(
            [
                nn.Conv2d(4, 2, 3, key=k, dtype=D),
                nn.silu,
                nn.Flatten(),
                nn.Identity(),
                nn.Dropout(0.5),
                nn.Linear(40, 3, key=k, dtype=D),
            ]
        ),
        IMAGE,
        lambda x, wc, bc, w, b: F.linear(F.silu(F.conv2d(x, wc, bc)).flatten(-3), w, b),
    ),
]
BATCH = 3

# Layers with a test file of their own and no counterpart to be compared with here.
ELSEWHERE = {
    "BatchNorm",
    "BatchNormState",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "Lambda",
    "Module",
}

parametrize = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_every_layer_has_a_row() -> None:
    layers = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    rows = {type(case.make(random.key(0, backend="numpy"))).__name__ for case in CASES}
    assert layers == rows | ELSEWHERE


def host(case: Case) -> tuple[nn.Module, np.ndarray]:
    """The layer and a batch of inputs, in float64 on the host; no parameter at a special value."""
    generator = np.random.default_rng(1)
    layer = case.make(random.key(0, backend="numpy"))
    layer = tree.map(lambda p: p + 0.1 * generator.normal(size=p.shape), layer)
    return layer, generator.normal(size=(BATCH, *case.example))


def run(case: Case, layer: nn.Module, x: Any) -> Any:
    return layer(x, **(case.call or {}))


def as_torch(arrays: list[np.ndarray]) -> list[torch.Tensor]:
    return [torch.tensor(a, requires_grad=True) for a in arrays]


@parametrize
def test_value(case: Case, library: Library) -> None:
    layer, x = host(case)
    expected = case.reference(*as_torch([x, *tree.leaves(layer)])).detach().numpy()
    y = run(case, tree.map(library.asarray, layer), library.asarray(x))
    np.testing.assert_allclose(library.to_numpy(y), expected, rtol=1e-12, atol=1e-12)


@parametrize
def test_float32_stays(case: Case, library: Library) -> None:
    layer, x = tree.map(lambda a: library.asarray(a.astype(np.float32)), host(case))
    assert run(case, layer, x).dtype == library.xp.float32
    gradients = gpubp.grad(lambda both: library_sum(run(case, both[0], both[1])))((layer, x))
    assert all(g.dtype == library.xp.float32 for g in tree.leaves(gradients))


@parametrize
def test_one_example_is_a_row_of_the_batch(case: Case, library: Library) -> None:
    layer, x = tree.map(library.asarray, host(case))
    batch = library.to_numpy(run(case, layer, x))
    alone = library.to_numpy(run(case, layer, x[0, ...]))
    mapped = library.to_numpy(gpubp.vmap(lambda x: run(case, layer, x))(x))
    np.testing.assert_allclose(alone, batch[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mapped, batch, rtol=1e-12, atol=1e-12)


def library_sum(y: Any) -> Any:
    return y.__array_namespace__().sum(y)


def objective(y: Any, weights: Any) -> Any:
    """A scalar in which every element counts differently and twice."""
    return library_sum(y * y * weights)


@parametrize
def test_gradients(case: Case, library: Library) -> None:
    layer, x = host(case)
    arrays = as_torch([x, *tree.leaves(layer)])
    out = case.reference(*arrays)
    weights = np.random.default_rng(2).normal(size=tuple(out.shape))
    (out * out * torch.tensor(weights)).sum().backward()

    def scalar(x: Any, layer: nn.Module) -> Any:
        y = run(case, layer, x)
        return objective(y, y.__array_namespace__().asarray(library.asarray(weights)))

    found = gpubp.grad(scalar, argnums=(0, 1))(library.asarray(x), tree.map(library.asarray, layer))
    for gradient, array in zip(tree.leaves(found), arrays, strict=True):
        expected = array.grad.numpy()
        np.testing.assert_allclose(library.to_numpy(gradient), expected, rtol=1e-9, atol=1e-10)


@parametrize
def test_second_order(case: Case) -> None:
    layer, x = host(case)
    arrays = as_torch([x, *tree.leaves(layer)])
    out = case.reference(*arrays)
    generator = np.random.default_rng(2)
    weights = generator.normal(size=tuple(out.shape))
    tangents = [generator.normal(size=tuple(a.shape)) for a in arrays]
    first = torch.autograd.grad(
        (out * out * torch.tensor(weights)).sum(), arrays, create_graph=True
    )
    slope = sum((g * torch.tensor(t)).sum() for g, t in zip(first, tangents, strict=True))
    expected = torch.autograd.grad(slope, arrays)

    def scalar(both: Any) -> Any:
        return objective(run(case, both[1], both[0]), weights)

    structure = tree.structure((x, layer))
    _, found = gpubp.jvp(gpubp.grad(scalar), ((x, layer),), (tree.unflatten(structure, tangents),))
    for ours, theirs in zip(tree.leaves(found), expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-8, atol=1e-9)


@parametrize
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_derivatives_are_finite_where_everything_ties(case: Case, value: float) -> None:
    layer, x = host(case)
    x = np.full_like(x, value)
    both = (x, tree.map(np.zeros_like, layer))
    slope = gpubp.grad(lambda both: objective(run(case, both[1], both[0]), 1.0))
    gradient, curvature = gpubp.jvp(slope, (both,), (tree.map(np.ones_like, both),))
    for leaf in tree.leaves((gradient, curvature)):
        assert np.isfinite(leaf).all()


@parametrize
def test_tree_and_representation(case: Case) -> None:
    layer, _ = host(case)
    leaves, structure = tree.flatten(layer)
    assert repr(tree.unflatten(structure, leaves)) == repr(layer)
    assert tree.structure(tree.unflatten(structure, leaves)) == structure
    assert nn.count_parameters(layer) == sum(leaf.size for leaf in leaves)
