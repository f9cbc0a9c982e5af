"""Each identity on a program that is nothing else: what is left of it, and that it is exact."""

import functools

import numpy as np
import pytest

from compiler.build import Builder
from gpubp.compiler.passes import algebra, dead_code
from gpubp.compiler.passes.rewriting import Rewriter
from gpubp.compiler.program import run

SPECIAL = np.asarray([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.5, -2.0, 3e-39, 1e38], np.float32)
N = len(SPECIAL)


def x(b, *shape, dtype="float32"):
    return b.input(*(shape or (N,)), dtype=dtype)


def twice(b, name, v, **params):
    return getattr(b, name)(getattr(b, name)(v, **params), **params)


ROWS = {  # name: program, what is left of it
    "x * 1": (lambda b: b.multiply(x(b), 1), []),
    "1.0 * x": (lambda b: b.multiply(1.0, x(b)), []),
    "x * ones": (lambda b: b.multiply(x(b), b.constant(np.ones((1,), np.float32))), []),
    "x * -1": (lambda b: b.multiply(x(b), -1.0), ["negative"]),
    "-1 * x": (lambda b: b.multiply(-1.0, x(b)), ["negative"]),
    "-x * n": (lambda b: b.multiply(b.negative(x(b)), 3.0), ["multiply"]),
    "n * -x": (lambda b: b.multiply(3.0, b.negative(x(b))), ["multiply"]),
    "x / 1": (lambda b: b.divide(x(b), 1), []),
    "x / 8": (lambda b: b.divide(x(b), 8.0), ["multiply"]),
    "x - 0": (lambda b: b.subtract(x(b), 0.0), []),
    "x + -0": (lambda b: b.add(x(b), -0.0), []),
    "i + 0": (lambda b: b.add(x(b, 3, dtype="int64"), 0), []),
    "0 + i": (lambda b: b.add(0, x(b, 3, dtype="int64")), []),
    "x + -y": (lambda b: b.add(x(b), b.negative(x(b))), ["subtract"]),
    "-x + y": (lambda b: b.add(b.negative(x(b)), x(b)), ["subtract"]),
    "x - -y": (lambda b: b.subtract(x(b), b.negative(x(b))), ["add"]),
    "-(-x)": (lambda b: twice(b, "negative", x(b)), []),
    "+x": (lambda b: b.positive(x(b)), []),
    "x ** 1": (lambda b: b.pow(x(b), 1.0), []),
    "x ** 2": (lambda b: b.pow(x(b), 2), ["square"]),
    "multiply_no_nan(x, n)": (lambda b: b.multiply_no_nan(x(b), 0.5), ["multiply"]),
    "multiply_no_nan(n, x)": (lambda b: b.multiply_no_nan(0.5, x(b)), ["multiply"]),
    "divide_no_nan(x, n)": (lambda b: b.divide_no_nan(x(b), 3.0), ["divide"]),
    "divide_no_nan(n, x)": (lambda b: b.divide_no_nan(3.0, x(b)), ["divide"]),
    "c ? x : x": (lambda b: (lambda v: b.where(b.less(v, 0), v, v))(x(b)), []),
    "!c ? x : y": (
        lambda b: (lambda v: b.where(b.logical_not(b.less(v, 0)), v, 2.0))(x(b)),
        ["less", "where"],
    ),
    "!!c": (lambda b: twice(b, "logical_not", x(b, 3, dtype="bool")), []),
    "max(x, x)": (lambda b: (lambda v: b.maximum(v, v))(x(b)), []),
    "min(x, x)": (lambda b: (lambda v: b.minimum(v, v))(x(b)), []),
    "reshape twice": (
        lambda b: b.reshape(b.reshape(x(b, 2, 6), shape=(12,)), shape=(3, 4)),
        ["reshape"],
    ),
    "reshape there and back": (
        lambda b: b.reshape(b.reshape(x(b, 2, 6), shape=(12,)), shape=(2, 6)),
        [],
    ),
    "broadcast twice": (
        lambda b: b.broadcast_to(b.broadcast_to(x(b, 3), shape=(2, 3)), shape=(4, 2, 3)),
        ["broadcast_to"],
    ),
    "permute twice": (
        lambda b: b.permute_dims(b.permute_dims(x(b, 2, 3, 4), axes=(1, 2, 0)), axes=(1, 0, 2)),
        ["permute_dims"],
    ),
    "permute there and back": (lambda b: twice(b, "permute_dims", x(b, 2, 3), axes=(1, 0)), []),
    "astype to its own": (lambda b: b.astype(x(b), dtype=np.dtype("float32")), []),
    "astype_discrete to its own": (
        lambda b: b.astype_discrete(x(b, 3, dtype="int64"), dtype=np.dtype("int64")),
        [],
    ),
    "broadcast to its own": (lambda b: b.broadcast_to(x(b), shape=(N,)), []),
    "reshape to its own": (lambda b: b.reshape(x(b), shape=(N,)), []),
    "real of a real": (lambda b: b.real(x(b)), []),
    "stop_gradient": (lambda b: b.stop_gradient(x(b)), []),
    **{
        f"{name} of one": (
            lambda b, name=name: getattr(b, name)(x(b, 3, 1), axis=(1,), keepdims=False),
            ["reshape"],
        )
        for name in ("sum", "max", "min", "prod")
    },
    **{
        f"{name} of a broadcast": (
            lambda b, name=name: getattr(b, name)(
                b.broadcast_to(x(b, 3, 1), shape=(2, 3, 4)), axis=(0, 2), keepdims=False
            ),
            left,
        )
        for name, left in {
            "sum": ["reshape", "multiply"],
            "max": ["reshape"],
            "min": ["reshape"],
        }.items()
    },
    "elementwise of broadcasts": (
        lambda b: b.multiply(
            b.broadcast_to(x(b, 3), shape=(2, 3)), b.reshape(x(b, 2, 3), shape=(1, 2, 3))
        ),
        None,  # the result needs its own axis of length 1
    ),
    "elementwise of a small broadcast": (
        lambda b: b.add(b.broadcast_to(b.reshape(x(b, 3), shape=(1, 3)), shape=(2, 3)), x(b, 2, 3)),
        ["add"],
    ),
}
# Near misses: what looks like an identity and is none.
KEPT = {
    "x + 0": lambda b: b.add(x(b), 0.0),  # -0 + 0 = 0
    "x - -0": lambda b: b.subtract(x(b), -0.0),
    "x * 0": lambda b: b.multiply(x(b), 0.0),
    "x / 3": lambda b: b.divide(x(b), 3.0),
    "x * 1 in more axes": lambda b: b.multiply(x(b, 3), b.constant(np.ones((2, 1), np.float32))),
    "i * 1.0": lambda b: b.multiply(x(b, 3, dtype="int64"), 1.0),
    "x * true": lambda b: b.multiply(x(b), True),
    "i ** 2.0": lambda b: b.pow(x(b, 3, dtype="int64"), 2.0),
    "multiply_no_nan(x, inf)": lambda b: b.multiply_no_nan(x(b), np.inf),
    "divide_no_nan(x, 0)": lambda b: b.divide_no_nan(x(b), 0.0),
    "sum of short integers": lambda b: b.sum(x(b, 3, 1, dtype="int8"), axis=(1,), keepdims=False),
    "real of a complex": lambda b: b.real(x(b, 3, dtype="complex64")),
}


def values(program):
    rng = np.random.default_rng(0)

    def one(value):
        if value.shape == (N,) and value.dtype == np.float32:
            return rng.permutation(SPECIAL)
        return np.asarray(rng.integers(-3, 4, value.shape)).astype(value.dtype)

    return [one(value) for value in program.inputs]


def rewritten(program, rules=algebra.RULES):
    return dead_code.remove(Rewriter(program, rules).run())


def build(make):
    b = Builder()
    return b.returns(make(b))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ROWS)
def test_identity(name):
    make, left = ROWS[name]
    program = build(make)
    found = rewritten(program)
    names = [operation.primitive.name for operation in found.operations]
    if left is None:
        assert len(names) < len(program.operations)
    else:
        assert names == left
    inputs = values(program)
    (y,), (expected,) = run(found, inputs), run(program, inputs)
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y, expected)
    if y.dtype.kind == "f" and "no_nan" not in name:
        numbers = ~np.isnan(y)
        np.testing.assert_array_equal(np.signbit(y)[numbers], np.signbit(expected)[numbers])


@pytest.mark.parametrize("name", KEPT)
def test_near_miss(name):
    program = build(KEPT[name])
    found = rewritten(program)
    assert [o.primitive for o in found.operations] == [o.primitive for o in program.operations]


def test_cube():
    program = build(lambda b: b.pow(x(b, 100), 3))
    found = rewritten(program)
    assert [o.primitive.name for o in found.operations] == ["square", "multiply"]
    inputs = [np.random.default_rng(0).normal(size=100).astype(np.float32)]
    np.testing.assert_array_max_ulp(run(found, inputs)[0], run(program, inputs)[0], maxulp=2)


def test_every_rule_has_a_row():
    used = set()

    def watched(number, build):
        @functools.wraps(build)
        def wrapper(*args):
            y = build(*args)
            if y is not None:
                used.add(number)
            return y

        return wrapper

    rules = [rule._replace(build=watched(i, rule.build)) for i, rule in enumerate(algebra.RULES)]
    for make, _ in ROWS.values():
        rewritten(build(make), rules)
    rewritten(build(lambda b: b.pow(x(b), 3)), rules)
    unused = [algebra.RULES[i].pattern for i in range(len(rules)) if i not in used]
    assert unused == []
