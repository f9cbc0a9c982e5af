"""check_backends runs one function everywhere and says which backend disagrees."""

import array_api_compat
import numpy as np
import pytest

import gpubp
from gpubp.errors import BackendUnavailableError, LawError
from gpubp.testing import check_backends

X = np.asarray([[0.5, -1.0], [2.0, 0.1]])


def loss(x):
    return array_api_compat.array_namespace(x).sum(array_api_compat.array_namespace(x).tanh(x) ** 2)


def test_all_usable_backends_agree():
    report = check_backends(gpubp.value_and_grad(loss), (X,))
    usable = {name for name, s in gpubp.available_backends().items() if s.usable}
    assert set(report) == usable
    assert report["numpy"] == 0.0
    assert all(gap < 1e-12 for gap in report.values())


def test_any_library_by_name_and_any_tree():
    def f(params, scale, label):
        return {"y": params["w"] * scale, "n": params["n"] + 1, "label": label}

    params = {"w": X.astype("float32"), "n": np.asarray([1, 2])}
    report = check_backends(f, (params, 2.0, "kept"), ["numpy", "array_api_strict"])
    assert report == {"numpy": 0.0, "array_api_strict": 0.0}


def only_on(name, change):
    """The identity, but for one backend."""

    def f(x):
        return change(x) if name in type(x).__module__ else x * 1.0

    return f


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x * 1.001, r"(?s)array_api_strict.*differs by.*expected.*found"),
        (lambda x: x[0, :], r"array_api_strict.*shape \(2,\).*expected \(2, 2\)"),
        (lambda x: x > 0, "array_api_strict.*bool.*expected.*float64"),
        (lambda x: (x, x), "array_api_strict.*returned"),
        (lambda x: x * float("nan"), "array_api_strict.*differs"),
    ],
)
def test_the_backend_that_differs_is_named(change, message):
    with pytest.raises(LawError, match=message):
        check_backends(only_on("array_api_strict", change), (X,), ["numpy", "array_api_strict"])


def test_the_backend_that_raises_is_named():
    def fail(x):
        raise KeyError("lost")

    with pytest.raises(LawError, match=r"array_api_strict.*KeyError.*lost") as caught:
        check_backends(only_on("array_api_strict", fail), (X,), ["numpy", "array_api_strict"])
    assert isinstance(caught.value.__cause__, KeyError)


def test_infinities_and_nans_agree_with_their_like():
    x = np.asarray([np.inf, -np.inf, np.nan, 1.0])
    report = check_backends(lambda x: x * 2, (x,), ["numpy", "array_api_strict"])
    assert report["array_api_strict"] == 0.0


def test_tolerance():
    f = only_on("array_api_strict", lambda x: x * 1.001)
    report = check_backends(f, (X,), ["numpy", "array_api_strict"], rtol=1e-2)
    assert 1e-3 < report["array_api_strict"] < 1e-2


def test_a_backend_that_cannot_run_is_not_passed_over():
    with pytest.raises((BackendUnavailableError, ValueError), match="no_such"):
        check_backends(loss, (X,), ["numpy", "no_such_library"])


def test_an_array_is_no_tuple_of_arguments():
    with pytest.raises(TypeError, match=r"check_backends: args must be a tuple"):
        check_backends(loss, X)


def test_no_backend_at_all():
    with pytest.raises(ValueError, match="backends"):
        check_backends(loss, (X,), [])
