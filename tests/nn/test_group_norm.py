"""GroupNorm: what it refuses; its values are beside PyTorch's in test_layers."""

from __future__ import annotations

import numpy as np
import pytest

from gpubp import errors, nn


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 3}, r"groups is 3; it must divide channels \(4\)"),
        ({"groups": 0}, r"groups is 0"),
        ({"epsilon": 0.0}, r"epsilon is 0.0; it must be positive"),
        ({"affine": True}, r"key is missing"),
    ],
)
def test_arguments_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(errors.ArgumentError, match=f"GroupNorm: {message}"):
        nn.GroupNorm(**{"groups": 2, "channels": 4, "affine": False} | options)


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5, 5), (4, 5, 5, 5)])
def test_wrong_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(errors.ShapeError, match=r"with C = 4 and 2 axes S is needed"):
        nn.GroupNorm(2, 4, affine=False)(np.ones(shape))
