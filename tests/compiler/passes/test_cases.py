"""Optimised programs of every function and of its derivatives do what was recorded."""

import pytest

import gpubp
from compiler.passes.check import checked, recorded
from gpubp.testing.cases import CASES
from on_cases import NUMPY, arguments, cotangents, function, has_inexact, tangents

# Those whose shapes don't depend on values, on real numbers: kernels have no others.
FIXED = [c for c in CASES if c.vmap and c.real]


@pytest.mark.parametrize("case", FIXED, ids=str)
def test_programs_of_cases(case):
    f, xs = function(case), arguments(case, NUMPY, "float64")
    static = [i for i, draw in enumerate(case.draws) if not draw.batched]  # shapes depend on them

    def closed(*rest):
        given, xp = iter(rest), rest[0].__array_namespace__()
        return f(*[xp.asarray(x) if i in static else next(given) for i, x in enumerate(xs)])

    def kept(values):
        return [v for i, v in enumerate(values) if i not in static]

    if not has_inexact(case):
        checked(*recorded(lambda *xs: closed(*xs), *kept(xs)))
        return

    def derivatives(xs, ts, cts):
        y, pullback = gpubp.vjp(closed, *xs)
        return y, gpubp.jvp(closed, xs, ts)[1], pullback(cts)

    cts = cotangents(case, NUMPY, "float64")
    checked(*recorded(derivatives, kept(xs), kept(tangents(case, NUMPY, "float64")), cts))
