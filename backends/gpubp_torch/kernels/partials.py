"""A cotangent or tangent times a partial derivative, where zero times infinity is zero."""

from __future__ import annotations

from typing import Any

import torch


def multiply_no_nan(t: Any, d: Any) -> Any:
    """``t * d``, and exactly 0 wherever either is 0."""
    return _zero_where_zero(d, _zero_where_zero(t, torch.as_tensor(t) * d))


def divide_no_nan(t: Any, d: Any) -> Any:
    """``t / d``, and exactly 0 wherever ``t`` is 0."""
    return _zero_where_zero(t, torch.as_tensor(t) / d)


def _zero_where_zero(t: Any, product: Any) -> Any:
    if isinstance(t, torch.Tensor):
        return product.masked_fill_(t == 0, 0)
    return torch.zeros_like(product) if t == 0 else product


KERNELS = {"divide_no_nan": divide_no_nan, "multiply_no_nan": multiply_no_nan}
