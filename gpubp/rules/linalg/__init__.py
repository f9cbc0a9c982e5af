"""The standard's ``linalg`` extension: functions of the matrices on the last two axes.

A function of Hermitian matrices is differentiated along the Hermitian part of a tangent, whatever
triangle of its argument the library reads. Formulas that name "Giles 2008" are from M. B. Giles,
An extended collection of matrix derivative results for forward and reverse mode automatic
differentiation; rules state the forward one, of which the transpose conjugates nothing.
"""

from gpubp.core.registry import extension
from gpubp.rules.linalg import decompositions, inverses, norms, products
from gpubp.rules.linear_algebra import matmul, matrix_transpose, tensordot, vecdot

# The main namespace has these too.
for _f in (matmul, matrix_transpose, tensordot, vecdot):
    extension("linalg")(_f)

__all__ = ["decompositions", "inverses", "norms", "products"]
