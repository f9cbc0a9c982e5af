"""Derivatives have the dtype, shape and device of what they belong to; rules promote nothing."""

import array_api_compat
import pytest

import libraries
from cases import CASES
from gpubp.core import tree
from on_cases import arguments, first_order, samples_on_libraries

SINGLE = {"float64": "float32", "complex128": "complex64"}
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


@pytest.mark.parametrize("precision", ["double", "single"])
@samples_on_libraries(CASES)
def test_dtypes(library, case, dtype, precision):
    dtype = SINGLE[dtype] if precision == "single" else dtype
    expected, xs = raw_dtypes(case, library, dtype), arguments(case, library, dtype)
    found = first_order(case, library, dtype)
    assert dtypes(found.out) == dtypes(found.out_of_vjp) == expected
    assert dtypes(found.out_tangent) == inexact(expected)
    assert dtypes(found.cotangents) == inexact(dtypes(xs))


@samples_on_libraries(CASES)
def test_shapes_devices_and_types(library, case, dtype):
    xs, found = arguments(case, library, dtype), first_order(case, library, dtype)
    results = [*found.out, *found.out_of_vjp, *found.out_tangent, *found.cotangents]
    for y in results:
        if y is not None:
            assert type(y) is type(xs[0]), "a result is no native array of the library"
            assert array_api_compat.device(y) == library.device
    for tangent, y in zip(found.out_tangent, found.out, strict=True):
        assert tangent is None or tangent.shape == y.shape
    for ct, x in zip(found.cotangents, xs, strict=True):
        assert ct is None or ct.shape == x.shape
