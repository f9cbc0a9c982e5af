"""RMSNorm: what it refuses; its values are beside PyTorch's in test_layers."""

from __future__ import annotations

import numpy as np
import pytest

from gpubp import errors, nn


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": 0.0}, "epsilon is 0.0; it must be positive"),
        ({"affine": True}, "key is missing"),
    ],
)
def test_arguments_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(errors.ArgumentError, match=f"RMSNorm: {message}"):
        nn.RMSNorm(**{"shape": 3, "affine": False} | options)


@pytest.mark.parametrize("shape", [(), (4,), (3, 4)])
def test_wrong_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(errors.ShapeError, match=r"must end in the layer's shape \(3,\)"):
        nn.RMSNorm(3, affine=False)(np.ones(shape))
