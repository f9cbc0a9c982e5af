"""Gradients for every example of a batch, and what is asked of them, from their factors.

``loss(params, *example)`` is the loss of one example, a real scalar; ``params`` a tree of
floating-point arrays. The functions that come back take ``(params, *batch)``, where every array in
``batch`` has the examples along axis 0. One batched pass gives, for each product with a weight,
d_z and the other operand a': a weight's gradient for one example is their outer product (the
notes' Fact 5, D_w C = d_z C (outer) a'), so norms and sums of gradients never make them.

    gradients        the gradients themselves
    norms            their lengths
    clipped_sum      their sum, each scaled down to a largest length
    moments          their mean and variance
    routes           which way each parameter goes, and why
"""

from gpubp.batching.per_example.functions import clipped_sum, gradients, moments, norms
from gpubp.batching.per_example.report import routes

__all__ = ["clipped_sum", "gradients", "moments", "norms", "routes"]
