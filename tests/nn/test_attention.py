"""Attention: masks, other sources, and PyTorch's own layer as the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gpubp
from gpubp import errors, nn, random
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
