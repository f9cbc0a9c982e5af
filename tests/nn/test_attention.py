"""Attention: masks, other sources, and PyTorch's own layer as the reference."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch

import gpubp
from gpubp import errors, nn, random
from gpubp.nn import attention
from gpubp.rules.fused import attention as fused
from gpubp_numpy.kernels import attention as numpy_kernel
from libraries import Library

generator = np.random.default_rng(0)
Q, K, V = (generator.normal(size=shape) for shape in ((3, 5, 4), (3, 6, 4), (3, 6, 2)))
MASK = generator.random(size=(3, 5, 6)) < 0.6
MASK[:, :, 0] = True
LAYER = nn.MultiHeadAttention(8, heads=2, key=random.key(0, backend="numpy"), dtype=np.float64)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["", "mask"])
def test_dot_product_attention(mask, causal: bool, library: Library) -> None:
    allowed = np.ones((5, 6), dtype=bool)
    if causal:
        allowed = np.tril(allowed)
    if mask is not None:
        allowed = allowed & mask
    expected = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.tensor, (Q, K, V)), attn_mask=torch.tensor(allowed)
    )
    q, k, v = map(library.asarray, (Q, K, V))
    found = nn.dot_product_attention(
        q, k, v, mask=None if mask is None else library.asarray(mask), causal=causal
    )
    np.testing.assert_allclose(library.to_numpy(found), expected.numpy(), rtol=1e-12)


def test_against_torchs_layer() -> None:
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64)
    parts = (LAYER.query, LAYER.key, LAYER.value)
    with torch.no_grad():
        theirs.in_proj_weight[:] = torch.tensor(np.concatenate([p.weight for p in parts]))
        theirs.in_proj_bias[:] = torch.tensor(np.concatenate([p.bias for p in parts]))
        theirs.out_proj.weight[:] = torch.tensor(LAYER.output.weight)
        theirs.out_proj.bias[:] = torch.tensor(LAYER.output.bias)
    queries, source = generator.normal(size=(2, 5, 8)), generator.normal(size=(2, 6, 8))
    mask = generator.random(size=(5, 6)) < 0.5
    mask[:, 1] = True
    expected, _ = theirs(
        *map(torch.tensor, (queries, source, source)), attn_mask=torch.tensor(~mask)
    )
    found = LAYER(queries, source, mask=mask)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.fixture
def blockwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short sequences treated as long ones, in several blocks."""
    monkeypatch.setattr(attention, "LONG", 1)
    monkeypatch.setattr(fused, "BLOCK", 40)
    monkeypatch.setattr(numpy_kernel, "BLOCK", 40)


@pytest.mark.usefixtures("blockwise")
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, MASK, MASK[0, :1], MASK[0, 0]], ids=str)
def test_blockwise_is_the_same(mask: Any, causal: bool, library: Library) -> None:
    """Value and gradient against PyTorch's function, which takes the mask as a number."""
    visible = np.tril(np.ones((5, 6), bool)) if causal else np.ones((5, 6), bool)
    visible = visible if mask is None else visible & mask
    seen = visible.any(axis=-1, keepdims=True)  # PyTorch has NaN for a query that sees nothing
    bias = np.where(visible | ~seen, 0.0, -np.inf)
    theirs = [torch.tensor(x, requires_grad=True) for x in (Q, K, V)]
    expected = torch.nn.functional.scaled_dot_product_attention(
        *theirs, attn_mask=torch.tensor(bias)
    )
    weights = np.random.default_rng(1).normal(size=expected.shape)
    (expected * torch.tensor(weights)).sum().backward()

    mask = None if mask is None else library.asarray(np.asarray(mask))
    out, pullback = gpubp.vjp(
        lambda *a: nn.dot_product_attention(*a, mask=mask, causal=causal),
        *map(library.asarray, (Q, K, V)),
    )
    np.testing.assert_allclose(library.to_numpy(out), expected.detach().numpy(), rtol=1e-12)
    found = [library.to_numpy(g) for g in pullback(library.asarray(weights))]
    if not seen.all():  # their scores are constant: PyTorch, given zeros, does not know that
        np.testing.assert_allclose(found[2], theirs[2].grad.numpy(), rtol=1e-11, atol=1e-14)
        return
    for g, x in zip(found, theirs, strict=True):
        np.testing.assert_allclose(g, x.grad.numpy(), rtol=1e-11, atol=1e-14)


@pytest.mark.usefixtures("blockwise")
def test_blockwise_under_vmap_and_with_shared_keys() -> None:
    masks = np.stack([MASK[0], MASK[1], MASK[2]])

    def f(q: Any, mask: Any) -> Any:
        return nn.dot_product_attention(q, K[0], V[0], mask=mask)

    found = gpubp.vmap(f)(Q, masks)
    expected = np.stack([f(q, mask) for q, mask in zip(Q, masks, strict=True)])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    slopes = gpubp.grad(lambda k: nn.dot_product_attention(Q, k, V[0]).sum())(K[0])
    each = [gpubp.grad(lambda k, q=q: nn.dot_product_attention(q, k, V[0]).sum())(K[0]) for q in Q]
    np.testing.assert_allclose(slopes, sum(each), rtol=1e-11, atol=1e-14)


def test_the_scores_are_never_held_all_at_once() -> None:
    length = 2048
    x = np.ones((length, 4), dtype=np.float32)
    gradient = gpubp.grad(lambda x: nn.dot_product_attention(x, x, x).sum())
    gradient(x)
    tracemalloc.start()
    gradient(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < length * length * 4 / 2


def test_nor_are_they_in_a_compiled_program(monkeypatch: pytest.MonkeyPatch) -> None:
    length = 256
    monkeypatch.setattr(fused, "BLOCK", length * length // 16)
    x = np.random.default_rng(0).normal(size=(length, 4))
    gradient = gpubp.grad(lambda x: nn.dot_product_attention(x, x, x).sum())
    assert gpubp.plan(gradient, x).peak_bytes < length * length * 8 / 2
    np.testing.assert_allclose(gpubp.compile(gradient)(x), gradient(x), rtol=1e-9, atol=1e-12)


def test_a_query_that_sees_nothing_stays_finite() -> None:
    mask = np.zeros((5, 6), dtype=bool)
    out, pullback = gpubp.vjp(lambda *a: nn.dot_product_attention(*a, mask=mask), Q, K, V)
    np.testing.assert_allclose(out, np.broadcast_to(V.mean(1, keepdims=True), out.shape))
    assert all(np.isfinite(g).all() for g in pullback(np.ones_like(out)))


def test_causality() -> None:
    x = generator.normal(size=(5, 8))
    slope = gpubp.jacobian(lambda x: LAYER(x, causal=True))(x)
    later = np.triu(np.ones((5, 5)), 1).astype(bool)
    assert (np.abs(slope).sum(axis=(1, 3))[later] == 0).all()


def test_dropout_on_the_weights_needs_a_key() -> None:
    layer = nn.MultiHeadAttention(8, heads=2, dropout=0.5, key=random.key(0, backend="numpy"))
    x = np.ones((4, 8), dtype=np.float32)
    np.testing.assert_array_equal(layer(x), layer(x))
    assert not np.array_equal(layer(x), layer(x, key=random.key(1, backend="numpy")))


def test_errors() -> None:
    with pytest.raises(errors.ArgumentError, match=r"heads is 3; it must divide features \(8\)"):
        nn.MultiHeadAttention(8, heads=3, key=random.key(0, backend="numpy"))
    with pytest.raises(errors.ShapeError, match=r"queries has shape \(8,\); \(..., length, 8\)"):
        LAYER(np.zeros(8))
    with pytest.raises(errors.ShapeError, match=r"values has shape \(5, 7\)"):
        LAYER(np.zeros((5, 8)), np.zeros((5, 8)), np.zeros((5, 7)))
