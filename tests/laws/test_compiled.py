"""A compiled function, and the compiled derivatives of it, are the function and its derivatives."""

import gpubp
from gpubp.testing.cases import CASES
from on_cases import (
    NUMPY,
    arguments,
    assert_close,
    cotangents,
    first_order,
    function,
    has_inexact,
    samples,
    samples_on_libraries,
    tangents,
)

FIXED = [c for c in CASES if c.vmap]  # those whose shapes don't depend on values
SMOOTH = [c for c in FIXED if has_inexact(c)]


def closed(case, xs):
    """The case with arguments that shapes depend on as constants, and the other arguments."""
    f, batched = function(case), [draw.batched for draw in case.draws]

    def g(*rest):
        given, xp = iter(rest), rest[0].__array_namespace__()
        return f(*[next(given) if b else xp.asarray(x) for x, b in zip(xs, batched, strict=True)])

    return g, [x for x, b in zip(xs, batched, strict=True) if b], batched


def check_value(library, case, dtype):
    f, xs, _ = closed(case, arguments(case, library, dtype))
    compiled = gpubp.compile(f)
    expected = first_order(case, library, dtype).out
    for _ in range(2):  # once recording, once from the cache
        assert_close(compiled(*xs), expected, library, dtype, "result")
    assert len(compiled.programs) == 1


@samples(FIXED)
def test_value(case, dtype):
    check_value(NUMPY, case, dtype)


# Where there are derivatives, the next test has the same operations in its programs.
@samples_on_libraries([c for c in FIXED if not has_inexact(c)], numpy=False)
def test_value_on_other_libraries(library, case, dtype):
    check_value(library, case, dtype)


@samples_on_libraries(SMOOTH)
def test_derivatives_inside(library, case, dtype):
    f, xs, batched = closed(case, arguments(case, library, dtype))

    def both(xs, ts, cts):
        return gpubp.jvp(f, xs, ts)[1], gpubp.vjp(f, *xs)[1](cts)

    ts = [t for t, b in zip(tangents(case, library, dtype), batched, strict=True) if b]
    tangent, found = gpubp.compile(both)(xs, ts, cotangents(case, library, dtype))
    expected = first_order(case, library, dtype)
    assert_close(tangent, expected.out_tangent, library, dtype, "tangent")
    kept = [ct for ct, b in zip(expected.cotangents, batched, strict=True) if b]
    assert_close(found, kept, library, dtype, "cotangent")


@samples(SMOOTH)
def test_derivatives_of_a_compiled_function(case, dtype):
    f, xs, batched = closed(case, arguments(case, NUMPY, dtype))
    compiled = gpubp.compile(f)
    expected = first_order(case, NUMPY, dtype)
    ts = [t for t, b in zip(tangents(case, NUMPY, dtype), batched, strict=True) if b]
    tangent = gpubp.jvp(compiled, xs, ts)[1]
    assert_close(tangent, expected.out_tangent, NUMPY, dtype, "tangent")
    found = gpubp.vjp(compiled, *xs)[1](cotangents(case, NUMPY, dtype))
    kept = [ct for ct, b in zip(expected.cotangents, batched, strict=True) if b]
    assert_close(found, kept, NUMPY, dtype, "cotangent")
