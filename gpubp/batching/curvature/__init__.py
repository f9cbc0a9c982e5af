"""Curvature of a batch's mean loss, without any matrix over all parameters.

gauss_newton_product    J^T H J v: J of the model's outputs, H of the loss by them
gauss_newton_diagonal   the diagonal of that matrix
fisher_product          mean over examples of g (g . v), the empirical Fisher matrix times v
neural_tangent_kernel   J(x1) J(x2)^T for pairs of examples, block by block
hutchinson_trace        the trace of a matrix that one can multiply by, estimated
hutchinson_diagonal     its diagonal
"""

from gpubp.batching.curvature.fisher import fisher_product
from gpubp.batching.curvature.gauss_newton import gauss_newton_diagonal, gauss_newton_product
from gpubp.batching.curvature.hutchinson import hutchinson_diagonal, hutchinson_trace
from gpubp.batching.curvature.tangent_kernel import neural_tangent_kernel

__all__ = [
    "fisher_product",
    "gauss_newton_diagonal",
    "gauss_newton_product",
    "hutchinson_diagonal",
    "hutchinson_trace",
    "neural_tangent_kernel",
]
