"""check_grads finds what is wrong, says where, and passes what is right."""

import numpy as np
import pytest

import gpubp
from gpubp.errors import GpubpError, LawError
from gpubp.testing import check_grads

X = np.asarray([0.3, -1.2, 2.0])


def wrong_jvp(factor):
    """sin with a forward rule that is off by a factor."""

    @gpubp.custom_jvp
    def f(x):
        return x.__array_namespace__().sin(x)

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), factor * x.__array_namespace__().cos(x) * t

    return f


def wrong_vjp(factor):
    @gpubp.custom_vjp
    def f(x):
        return x.__array_namespace__().sin(x)

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (factor * ct * x.__array_namespace__().cos(x),))
    return f


def test_what_is_right_passes():
    check_grads(wrong_jvp(1.0), (X,))
    check_grads(wrong_vjp(1.0), (X,), modes=("rev",))
    check_grads(lambda x, y: x @ y, (X, 2 * X), order=3)


def test_a_wrong_forward_rule_is_found():
    with pytest.raises(LawError, match=r"order 1.*JVP.*args\[0\].*expected.*found"):
        check_grads(wrong_jvp(1.001), (X,))
    with pytest.raises(LawError, match="JVP"):
        check_grads(wrong_jvp(1.00001), (X,), order=1, modes=("fwd",))


def test_a_wrong_reverse_rule_is_found():
    with pytest.raises(LawError, match=r"VJP.*transpose.*args\[0\].*expected.*found"):
        check_grads(wrong_vjp(1.001), (X,), modes=("rev",))


def test_the_argument_at_fault_is_named_by_its_path():
    f = wrong_jvp(2.0)
    with pytest.raises(LawError, match=r"args\[0\]\['w'\]\[1\]") as caught:
        check_grads(lambda p, x: p["w"][0] * x + f(p["w"][1]), ({"w": [X, X + 1]}, X))
    assert "args[1]" not in str(caught.value)
    assert "args[0]['w'][0]" not in str(caught.value)


def test_an_error_of_second_order_only_is_found():
    """The derivative of this rule misses the product rule's second half."""

    @gpubp.custom_jvp
    def square(x):
        return x * x

    @square.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return square(x), 2 * gpubp.stop_gradient(x) * t

    check_grads(square, (X,), order=1)
    with pytest.raises(LawError, match="order 2"):
        check_grads(square, (X,), order=2)


def test_trees_integers_floats_and_numbers_of_several_results():
    def f(params, i, scale):
        xp = params["w"].__array_namespace__()
        picked = xp.take(params["w"], i)
        return {"y": picked * scale, "i": i, "none": None, "z": (xp.sum(picked),)}

    check_grads(f, ({"w": X, "unused": None}, np.asarray([2, 0]), 1.5))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_dtypes(dtype):
    x = (X + (0.5j if dtype.startswith("complex") else 0)).astype(dtype)
    check_grads(lambda x: x.__array_namespace__().exp(x) * x, (x,))
    check_grads(lambda x: x.__array_namespace__().abs(x), (x,))


def test_every_library(library):
    check_grads(lambda x: (x * x + 1) ** 2, (library.asarray(X),))


def test_a_jump_is_no_derivative():
    def f(x):
        xp = x.__array_namespace__()
        return xp.where(x > 0.3, x, x + 1)

    with pytest.raises(LawError, match="JVP"):
        check_grads(f, (X,))


def test_nan_is_not_close_to_anything():
    with pytest.raises(LawError), np.errstate(all="ignore"):
        check_grads(lambda x: x.__array_namespace__().log(x), (X,))


def test_arguments_that_make_no_sense():
    with pytest.raises(ValueError, match="modes"):
        check_grads(lambda x: x, (X,), modes=("forward",))
    with pytest.raises(ValueError, match="floating-point"):
        check_grads(lambda x: x, (np.asarray([1, 2]),))
    with pytest.raises(TypeError, match=r"args must be a tuple .* given ndarray. .*\(x,\)"):
        check_grads(lambda x: x, X)


def test_the_error_is_an_assertion_and_ours():
    assert issubclass(LawError, AssertionError)
    assert issubclass(LawError, GpubpError)
