"""A traced function gives what the library itself gives."""

import numpy as np

import gpubp
from gpubp.core import tree
from gpubp.testing.cases import CASES
from on_cases import (
    NUMPY,
    arguments,
    assert_close,
    first_order,
    has_inexact,
    raw,
    samples,
    samples_on_libraries,
    tangents,
)


@samples_on_libraries()
def test_value_is_the_raw_librarys(library, case, dtype):
    found = first_order(case, library, dtype)
    assert_close(found.out, raw(case, dtype), library, dtype, "jvp's result")
    assert_close(found.out_of_vjp, raw(case, dtype), library, dtype, "vjp's result")


@samples([c for c in CASES if c.numpy_function and has_inexact(c)])
def test_numpys_own_functions_work_on_traced_arrays(case, dtype):
    """`np.tanh(x)`: the same call, with NumPy's namespace in place of the traced one."""

    def f(*args):
        return tree.leaves(case.call(np, *args))

    found = gpubp.jvp(f, arguments(case, NUMPY, dtype), tangents(case, NUMPY, dtype))
    expected = first_order(case, NUMPY, dtype)
    assert_close(found[0], expected.out, NUMPY, dtype, "result")
    assert_close(found[1], expected.out_tangent, NUMPY, dtype, "tangent")


@samples()
def test_arguments_are_not_changed(case, dtype):
    xs = arguments(case, NUMPY, dtype)
    first_order(case, NUMPY, dtype)
    gpubp.vjp(lambda *a: tree.leaves(case.call(a[0].__array_namespace__(), *a)), *xs)
    for x, expected in zip(xs, case.arguments(dtype), strict=True):
        np.testing.assert_array_equal(x, expected)
