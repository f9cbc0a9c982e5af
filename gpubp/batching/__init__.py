"""Batches: gradients for each example, chunks that fit the device, routes of matrix products."""

from gpubp.batching.stream import iter_chunks

__all__ = ["iter_chunks"]
