"""The standard's ``linalg`` extension: functions of the matrices on the last two axes.

A complex derivative is a plain (not a Wirtinger) one, and no transpose conjugates. A function of
Hermitian matrices is differentiated along the Hermitian part of a tangent, whatever triangle of
its argument the library reads.
"""

from gpubp.core.registry import extension
from gpubp.rules.linalg import decompositions, inverses, norms, products
from gpubp.rules.linear_algebra import matmul, matrix_transpose, tensordot, vecdot

# The main namespace has these too.
for _f in (matmul, matrix_transpose, tensordot, vecdot):
    extension("linalg")(_f)

__all__ = ["decompositions", "inverses", "norms", "products"]
