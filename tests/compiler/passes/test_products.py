"""Products take over the transposes, scales and sums around them, and are never done twice."""

import numpy as np
import pytest

from compiler.build import Builder, arguments_of
from gpubp.compiler.passes import optimize
from gpubp.compiler.program import run


def transposed(b, x):
    n = len(x.shape)
    return b.permute_dims(x, axes=(*range(n - 2), n - 1, n - 2))


def product(b, first=(3, 4), second=(4, 5)):
    return b.matmul(b.input(*first), b.input(*second))


def flags(a=False, b=False, alpha=1.0):
    return {"transpose_a": a, "transpose_b": b, "alpha": alpha}


# Name: the program, and flags of the only product that is left, with what stands beside it.
ROWS = {
    "A B": (product, flags(), []),
    "A^T B": (
        lambda b: b.matmul(transposed(b, b.input(4, 3)), b.input(4, 5)),
        flags(a=True),
        [],
    ),
    "A B^T": (
        lambda b: b.matmul(b.input(3, 4), transposed(b, b.input(5, 4))),
        flags(b=True),
        [],
    ),
    "A^T B^T of stacks": (
        lambda b: b.matmul(transposed(b, b.input(2, 4, 3)), transposed(b, b.input(5, 4))),
        flags(a=True, b=True),
        [],
    ),
    "(A B)^T": (lambda b: transposed(b, product(b)), flags(a=True, b=True), []),
    "(A^T B)^T": (
        lambda b: transposed(b, b.matmul(transposed(b, b.input(4, 3)), b.input(4, 5))),
        flags(a=True),
        [],
    ),
    "n (A B)": (lambda b: b.multiply(2.5, product(b)), flags(alpha=2.5), []),
    "((A B) n)^T m": (
        lambda b: b.multiply(transposed(b, b.multiply(product(b), 2.0)), 3.0),
        flags(a=True, b=True, alpha=6.0),
        [],
    ),
    "sum of A_i^T B_i": (
        lambda b: b.sum(
            b.matmul(transposed(b, b.input(2, 4, 3)), b.input(2, 4, 5)), axis=(0,), keepdims=False
        ),
        flags(a=True),
        ["reshape", "reshape"],
    ),
    "sum of outer products as products": (
        lambda b: b.sum(product(b, (6, 3, 1), (6, 1, 5)), axis=(0,), keepdims=False),
        flags(a=True),
        ["reshape", "reshape"],
    ),
    "sum of outer products": (
        lambda b: b.sum(b.multiply(b.input(6, 3, 1), b.input(6, 1, 5)), axis=(0,), keepdims=False),
        flags(a=True),
        ["reshape", "reshape"],
    ),
    "sum of outer products, the row first": (
        lambda b: b.sum(b.multiply(b.input(6, 1, 5), b.input(6, 3, 1)), axis=(0,), keepdims=False),
        flags(a=True),
        ["reshape", "reshape"],
    ),
    "integers": (
        lambda b: b.matmul(b.input(3, 4, dtype="int64"), b.input(4, 5, dtype="int64")),
        None,
        ["matmul"],
    ),
    "two dtypes": (
        lambda b: b.matmul(b.input(3, 4), b.input(4, 5, dtype="float64")),
        None,
        ["matmul"],
    ),
    "sum of A_i B_i": (  # the inner axis does not follow the stack: it would be copied
        lambda b: b.sum(product(b, (2, 3, 4), (2, 4, 5)), axis=(0,), keepdims=False),
        flags(),
        ["sum"],
    ),
    "other axes": (
        lambda b: b.matmul(b.permute_dims(b.input(4, 2, 3), axes=(1, 2, 0)), b.input(4, 5)),
        flags(),
        ["permute_dims"],
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_product(name):
    make, expected, beside = ROWS[name]
    b = Builder()
    program = b.returns(make(b))
    found = optimize(program, fuse=False)
    products = [o for o in found.operations if o.primitive.name == "product"]
    assert [o.params for o in products] == ([] if expected is None else [expected])
    others = [o.primitive.name for o in found.operations if o not in products]
    assert others == beside
    inputs = arguments_of(program)
    np.testing.assert_allclose(run(found, inputs)[0], run(program, inputs)[0], rtol=1e-5)


def test_accumulation():
    b = Builder()
    program = b.returns(b.add(product(b), product(b)))
    found = optimize(program, fuse=False)
    first, second = found.operations
    assert second.args[2] is first.results[0]
    inputs = arguments_of(program)
    np.testing.assert_allclose(run(found, inputs)[0], run(program, inputs)[0], rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda b, y: transposed(b, y),
        lambda b, y: b.multiply(y, 2.0),
        lambda b, y: b.add(y, product(b)),
        lambda b, y: b.sum(y, axis=(0,), keepdims=False),
    ],
)
def test_a_product_with_other_uses_is_done_once(make):
    b = Builder()
    y = product(b)
    program = b.returns(make(b, y), b.exp(y))
    before = sum(o.primitive.name == "matmul" for o in program.operations)
    found = optimize(program, fuse=False)
    assert sum(o.primitive.name == "product" for o in found.operations) == before
    inputs = arguments_of(program)
    for z, expected in zip(run(found, inputs), run(program, inputs), strict=True):
        np.testing.assert_allclose(z, expected, rtol=1e-5)


def test_equal_products_count_as_uses_of_one():
    b = Builder()
    x, w = b.input(3, 4), b.input(4, 5)
    program = b.returns(transposed(b, b.matmul(x, w)), b.exp(b.matmul(x, w)))
    found = optimize(program, fuse=False)
    assert sum(o.primitive.name == "product" for o in found.operations) == 1
