"""Batches in chunks that fit the memory, and routes of matrix products."""

from gpubp.batching.product_route import product_route
from gpubp.batching.stream import iter_chunks

__all__ = ["iter_chunks", "product_route"]
