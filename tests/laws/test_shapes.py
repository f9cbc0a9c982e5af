"""Shape rules: without values, a function has the shapes and dtypes that it has with them."""

import warnings

from gpubp.core.array import Array
from gpubp.core.trace import EVALUATION
from gpubp.testing.cases import CASES
from gpubp.transforms.calls import Capture, abstract
from on_cases import NUMPY, arguments, first_order, function, samples

FIXED = [c for c in CASES if c.vmap]  # those whose shapes don't depend on values


@samples(FIXED)
def test_results_without_values(case, dtype):
    given = zip(arguments(case, NUMPY, dtype), case.draws, strict=True)
    xs = [Array(abstract(x) if draw.batched else x, EVALUATION, None) for x, draw in given]
    with warnings.catch_warnings(action="error"):
        found = Capture().run(function(case), *xs)  # as checkpoint first runs a function
    expected = first_order(case, NUMPY, dtype).out
    assert [tuple(y.shape) for y in found] == [tuple(y.shape) for y in expected]
    assert [y.dtype for y in found] == [y.dtype for y in expected]
