"""Derivatives have the dtype, shape and device of what they belong to; rules promote nothing."""

import array_api_compat
import pytest

import libraries
from gpubp.core import tree
from gpubp.testing.cases import CASES
from on_cases import arguments, first_order, samples_on_libraries

DEFAULT_DEVICE = {"strict-device1": "strict"}  # where a creation function without device= is right


def dtypes(arrays):
    return [None if x is None else str(x.dtype).rpartition(".")[2] for x in arrays]


def raw_dtypes(case, library, dtype):
    library = libraries.get(DEFAULT_DEVICE.get(library.name, library.name))
    if library.name in case.filled:
        pytest.skip(f"{library.name} itself can't")
    return dtypes(tree.leaves(case.call(library.xp, *arguments(case, library, dtype))))


def inexact(names):
    return [n if n.startswith(("float", "complex")) else None for n in names]


def check_kinds(library, case, dtype):
    xs, found = arguments(case, library, dtype), first_order(case, library, dtype)
    expected = raw_dtypes(case, library, dtype)
    assert dtypes(found.out) == dtypes(found.out_of_vjp) == expected
    assert dtypes(found.out_tangent) == inexact(expected)
    assert dtypes(found.cotangents) == inexact(dtypes(xs))
    for y in [*found.out, *found.out_of_vjp, *found.out_tangent, *found.cotangents]:
        if y is not None:
            assert type(y) is type(xs[0]), "a result is no native array of the library"
            assert array_api_compat.device(y) == library.device
    for derivative, of in ((found.out_tangent, found.out), (found.cotangents, xs)):
        for t, x in zip(derivative, of, strict=True):
            assert t is None or t.shape == x.shape


@samples_on_libraries(CASES)
def test_double_precision(library, case, dtype):
    check_kinds(library, case, dtype)


@samples_on_libraries(CASES, precision="single")
def test_single_precision(library, case, dtype):
    check_kinds(library, case, dtype)
