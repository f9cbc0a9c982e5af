"""Batches in chunks that fit the memory, and routes of matrix products.

iter_chunks      the results of a map over examples, chunk by chunk
value_and_grad   a batch's loss and gradient, from micro-batches where it does not fit
product_route    which way a product of matrices goes, and why
"""

from gpubp.batching.micro_batches import value_and_grad
from gpubp.batching.product_route import product_route
from gpubp.batching.stream import iter_chunks

__all__ = ["iter_chunks", "product_route", "value_and_grad"]
