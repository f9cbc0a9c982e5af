"""Batches in chunks that fit the memory, and what is asked of a batch.

    iter_chunks      the results of a map over examples, chunk by chunk
    value_and_grad   a batch's loss and gradient, from micro-batches where it does not fit
    product_route    which way a product of matrices goes, and why
    curvature        Gauss-Newton, Fisher, tangent kernels, traces

Gradients for each example are :mod:`gpubp.per_example`.
"""

from __future__ import annotations

import importlib
from typing import Any

from gpubp.batching.micro_batches import value_and_grad
from gpubp.batching.product_route import product_route
from gpubp.batching.stream import iter_chunks

__all__ = ["curvature", "iter_chunks", "product_route", "value_and_grad"]


def __getattr__(name: str) -> Any:
    if name == "curvature":  # imported when first used: it brings gpubp.random along
        return importlib.import_module("gpubp.batching.curvature")
    raise AttributeError(f"module 'gpubp.batching' has no attribute {name!r}")
