"""Passes: what a program does in fewer operations that move fewer bytes, with the same results."""

from __future__ import annotations

from gpubp.compiler.passes import algebra, dead_code, products
from gpubp.compiler.passes.fusion import fuse as fuse_groups
from gpubp.compiler.passes.rewriting import Rewriter
from gpubp.compiler.passes.schedule import schedule
from gpubp.compiler.program import Program


def optimize(program: Program, fuse: bool = True) -> Program:
    """The program after all passes.

    Results are those of the recorded program up to rounding: sums run in another order, products
    scale before they round, ``x**3`` is ``x * x * x``. NaN and infinities are kept, and signed
    zeros but where a rule says otherwise. A label out of range, at which a library's own gather
    would raise or wrap, gives NaN in a kernel.

    Args:
        program: what was recorded, derivatives written out.
        fuse: whether to make kernels, for a backend that has a lowering for them.
    """
    # Algebra first: what it leaves unused must not count as a use of a product.
    for rules in (algebra.RULES, (*algebra.RULES, *products.RULES)):
        program = dead_code.remove(Rewriter(program, rules).run())
    if fuse:
        program = dead_code.remove(fuse_groups(program))
    return schedule(program)
