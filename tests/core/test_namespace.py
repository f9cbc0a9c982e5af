"""The namespace of traced arrays: devices, constants, inspection, what it refuses."""

import copy
import inspect
import pickle

import array_api_compat
import numpy as np
import pytest

import gpubp

X = np.asarray([1.0, 2.0])


def namespace_of(x):
    """The namespace that a transformed function sees for this array."""
    seen = []
    gpubp.jvp(lambda x: seen.append(x.__array_namespace__()) or x, (x,), (x,))
    return seen[0]


def test_it_is_one_object_for_a_backend_and_device(library):
    x = library.asarray(X)
    assert namespace_of(x) is namespace_of(library.asarray(X + 1))


def test_devices_have_namespaces_of_their_own():
    strict = pytest.importorskip("array_api_strict")
    here, there = (strict.asarray(X, device=strict.Device(d)) for d in ("CPU_DEVICE", "device1"))
    assert namespace_of(here) is not namespace_of(there)
    assert namespace_of(here).__name__ != namespace_of(there).__name__


def test_creation_functions_use_its_device(library):
    x = library.asarray(X)

    def f(x):
        xp = array_api_compat.array_namespace(x)
        for made in (xp.zeros((2,)), xp.arange(2), xp.asarray([1.0, 2.0]), xp.eye(2), xp.ones(2)):
            assert made.device == library.device
        assert xp.empty((2,), dtype=xp.float32).dtype == library.xp.float32
        return xp.sum(x * xp.ones(2, dtype=x.dtype))

    np.testing.assert_allclose(library.to_numpy(gpubp.grad(f)(x)), [1.0, 1.0])


def test_creation_on_another_device_and_moving_between():
    strict = pytest.importorskip("array_api_strict")
    there = strict.Device("device1")

    def f(x):
        xp = x.__array_namespace__()
        y = x.to_device(there)
        assert y.device == there
        assert y.__array_namespace__().ones((2,)).device == there
        assert xp.zeros((2,), device=there).device == there
        return (y * y).to_device(x.device)

    x = strict.asarray(X)
    _, pullback = gpubp.vjp(f, x)
    (g,) = pullback(strict.ones(2, dtype=strict.float64))
    assert g.device == x.device
    np.testing.assert_allclose(np.asarray(g), 2 * X)


def test_constants_and_dtypes_are_the_librarys(library):
    xp = namespace_of(library.asarray(X))
    assert xp.pi == np.pi
    assert xp.newaxis is None
    assert np.isnan(xp.nan)
    for name in ("bool", "int32", "int64", "uint8", "float32", "float64", "complex128"):
        assert getattr(xp, name) == getattr(library.xp, name)


def test_inspection_functions(library):
    xp = namespace_of(library.asarray(X))
    info = xp.__array_namespace_info__()
    assert info.default_dtypes()["real floating"] == xp.float64 or library.name == "torch"
    assert library.device in info.devices() or library.name == "cupy"
    assert xp.finfo(xp.float32).bits == 32
    assert xp.iinfo(xp.int16).max == 32767
    assert xp.isdtype(xp.float32, "real floating")
    assert xp.result_type(xp.float32, xp.float64) == xp.float64
    assert xp.can_cast(xp.float32, xp.float64)
    assert xp.broadcast_shapes((2, 1), (3,)) == (2, 3)


def test_every_function_of_the_standard_is_there():
    """By array-api-strict's own listing of the version that it implements."""
    strict = pytest.importorskip("array_api_strict")
    own = {"ArrayAPIStrictFlags", "Device", "ModuleType"}
    own |= {name for name in dir(strict) if "array_api_strict_flags" in name}
    names = [n for n in dir(strict) if not n.startswith("_") and n not in own]
    extensions = {"linalg", "fft"}  # have tests of their own
    xp = namespace_of(X)
    missing = [n for n in names if n not in extensions and not hasattr(xp, n)]
    assert not missing
    assert set(names) - extensions <= set(dir(xp))


def test_from_dlpack_takes_raw_arrays_and_leaves_traced_ones():
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(xp.from_dlpack(x) * xp.from_dlpack(X))

    np.testing.assert_allclose(gpubp.grad(f)(X), X)


def test_it_is_hashable_copyable_and_pickles_to_itself():
    xp = namespace_of(X)
    assert hash(xp) == hash(namespace_of(X))
    assert pickle.loads(pickle.dumps(xp)) is xp
    assert copy.deepcopy(xp) is xp


def test_raw_and_traced_arrays_mix_in_any_position(library):
    x, raw = library.asarray(X), library.asarray(np.asarray([3.0, 4.0]))

    def f(x):
        xp = array_api_compat.array_namespace(x)
        y = xp.add(raw, x) * xp.multiply(x, raw) + xp.where(x > 1.5, raw, x)
        y = y + xp.concat([raw, x])[1:3] + xp.stack([x, raw])[0, :] + xp.vecdot(raw, x)
        return xp.sum(y + raw + xp.subtract(raw, x) + xp.matmul(x, raw))

    c, picked = np.asarray([3.0, 4.0]), np.asarray([1.0, 0.0])
    expected = c * (c + 2 * X) + picked + picked + 1 + 2 * c - 1 + 2 * c
    np.testing.assert_allclose(library.to_numpy(gpubp.grad(f)(x)), expected)


def test_functions_keep_their_names_and_documentation():
    xp = namespace_of(X)
    assert xp.tanh.__name__ == "tanh"
    assert xp.sum.__doc__


def test_functions_show_the_standards_signatures():
    xp = namespace_of(X)
    assert list(inspect.signature(xp.sum).parameters) == ["x", "axis", "dtype", "keepdims"]
    assert list(inspect.signature(xp.where).parameters) == ["condition", "x1", "x2"]
    assert list(inspect.signature(xp.zeros).parameters) == ["shape", "dtype", "device"]


def test_limits_are_python_floats_which_promote_nothing():
    xp = namespace_of(X)
    limits = xp.finfo(xp.complex64)
    assert type(limits.eps) is type(limits.max) is float
    assert limits.bits == 32
    assert limits.dtype == xp.float32


def test_several_arrays_come_as_a_tuple():
    def f(x):
        xp = x.__array_namespace__()
        grids, same = xp.meshgrid(x, x), xp.broadcast_arrays(x, X)
        assert type(grids) is type(same) is tuple
        return xp.sum(grids[0] * grids[1]) + xp.sum(same[1])

    np.testing.assert_allclose(gpubp.grad(f)(X), [2 * X.sum()] * X.size)


def test_sums_of_small_integers_are_of_the_dtype_asked_for():
    xp = namespace_of(X)
    small = xp.asarray([200, 100], dtype=xp.uint8)
    for name in ("sum", "prod", "cumulative_sum", "cumulative_prod"):
        assert getattr(xp, name)(small, dtype=xp.uint8).dtype == xp.uint8
        assert getattr(xp, name)(small).dtype == xp.uint64
    assert xp.vecdot(small, small).dtype == xp.uint8
    assert int(xp.sum(small, dtype=xp.uint8)) == 44  # 300 modulo 256


def test_the_dlpack_device_is_no_secret():
    xp = namespace_of(X)
    assert xp.asarray(X).__dlpack_device__() == X.__dlpack_device__()


@pytest.mark.parametrize("kind", [IndexError, ValueError])
def test_an_axis_that_is_not_there_is_an_index_error_as_in_numpy(kind):
    xp = namespace_of(X)
    for f in (lambda x: xp.expand_dims(x, axis=3), lambda x: xp.sum(x, axis=1)):
        with pytest.raises(kind, match="axis"):
            f(xp.asarray(X))
