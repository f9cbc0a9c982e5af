"""Every backend's kernels against plain NumPy, and the promises that a formula does not show."""

import itertools
import math
import warnings

import array_api_compat.numpy as xp
import numpy as np
import pytest

from backends.plugins import NAMES, plugin
from gpubp.core.primitive import PRIMITIVES

rng = np.random.default_rng(7)
TOLERANCE = {"float32": 1e-5, "complex64": 1e-5, "float64": 1e-12, "complex128": 1e-12}


@pytest.fixture(params=NAMES)
def backend(request):
    return plugin(request.param)


def draw(shape, dtype):
    values = rng.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.normal(size=shape)
    return np.asarray(10 * values if np.dtype(dtype).kind == "i" else values).astype(dtype)


def run(backend, name, *args, **params):
    """What the backend computes for the primitive ``name``, as a NumPy array."""
    args = [backend.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return backend.to_numpy(backend.native(PRIMITIVES[name].lower(backend)(*args, **params)))


def same(found, expected):
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    tolerance = TOLERANCE.get(str(expected.dtype), 0)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


# Index arrays: shape of x, shapes of the index arrays, shape of v.
PLACES = {
    "rows": ((10, 3), [(7,)], (7, 3)),
    "elements": ((10,), [(200,)], (200,)),
    "two axes": ((4, 5, 6), [(8,), (8,)], (8, 6)),
    "broadcast": ((4, 5), [(3, 1), (1, 4)], (3, 4)),
    "0-d v": ((4, 5), [(3, 1), (4,)], ()),
    "one v for all": ((1, 2), [(500,)], (2,)),
    "no index": ((10, 3), [(0,)], (0, 3)),
    "empty rows": ((10, 0), [(5,)], (5, 0)),
    "long segments": ((3, 2), [(500,)], (500, 2)),
    "0-d index": ((300, 2), [()], (2,)),
    "many passes": ((70000,), [(1000,)], (1000,)),
    "large": ((50, 64), [(200,)], (200, 64)),
}
places = pytest.mark.parametrize("case", PLACES.values(), ids=PLACES)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64", "complex128", "int64"])


def placed(case, dtype):
    shape, index_shapes, v_shape = case
    index = [np.asarray(rng.integers(-n, n, s)) for n, s in zip(shape, index_shapes, strict=False)]
    return draw(shape, dtype), draw(v_shape, dtype), index


@places
@every_dtype
def test_gather(backend, case, dtype):
    x, _, index = placed(case, dtype)
    same(run(backend, "gather", x, *index), x[tuple(index)])


@places
@every_dtype
def test_index_add(backend, case, dtype):
    x, v, index = placed(case, dtype)
    expected = x.copy()
    np.add.at(expected, tuple(index), v)
    same(run(backend, "index_add", x, v, *index), expected)


@places
@every_dtype
def test_index_put_keeps_the_last(backend, case, dtype):
    x, v, index = placed(case, dtype)
    expected = x.copy()
    expected[tuple(index)] = v
    same(run(backend, "index_put", x, v, *index), expected)


@pytest.mark.parametrize("name", ["index_add", "index_put"])
def test_scatter_gives_the_same_bits_every_time_and_leaves_x_alone(backend, name):
    x, v, index = placed(((20, 3), [(5000,)], (5000, 3)), "float32")
    native = [backend.asarray(a) for a in (x, v, *index)]
    runs = {backend.to_numpy(backend.kernels[name](*native)).tobytes() for _ in range(10)}
    assert len(runs) == 1
    np.testing.assert_array_equal(backend.to_numpy(native[0]), x)


def test_scatter_takes_small_and_unsigned_integers(backend):
    x, v = draw((5,), "float64"), draw((3,), "float64")
    expected = x.copy()
    expected[[0, 3, 4]] += v
    for dtype in ("int32", "int64", "uint8"):
        same(run(backend, "index_add", x, v, np.asarray([0, 3, 4], dtype)), expected)


# A cotangent times a partial derivative

PRODUCTS = {"multiply_no_nan": np.multiply, "divide_no_nan": np.divide}
products = pytest.mark.parametrize("name", PRODUCTS)
SHAPES = [
    ((3, 4), (3, 4)),
    ((4,), (3, 4)),
    ((3, 4), (4,)),
    ((), ()),
    ((0, 3), (3,)),
    ((2, 1), (1, 5)),
]


@products
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize(("t_shape", "d_shape"), SHAPES)
def test_zero_times_anything_is_zero(backend, name, dtype, t_shape, d_shape):
    for bad in (math.inf, -math.inf, math.nan, 0.0, 1.0):
        zero_times_anything(backend, name, dtype, t_shape, d_shape, bad)


def zero_times_anything(backend, name, dtype, t_shape, d_shape, bad):
    t, d = draw(t_shape, dtype), draw(d_shape, dtype)
    t[(..., slice(1)) if t.ndim else ()] = 0
    d[(..., slice(2)) if d.ndim else ()] = bad
    with np.errstate(all="ignore"):
        plain = PRODUCTS[name](t, d)
        t_and_d = np.broadcast_arrays(t, d)
    found = run(backend, name, t, d)
    assert found.dtype == plain.dtype
    assert found.shape == plain.shape
    assert np.all(found[t_and_d[0] == 0] == 0)
    finite = np.isfinite(t_and_d[1]) & (t_and_d[1] != 0)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(found[finite], plain[finite], rtol=tolerance, atol=tolerance)
    if "complex" not in dtype:  # how complex infinities multiply is each library's affair
        np.testing.assert_allclose(found, np.where(t == 0, 0, plain), rtol=tolerance)


@products
def test_python_scalars_are_weak(backend, name):
    x = np.asarray([0.0, 2.0, -1.0], np.float32)
    with np.errstate(all="ignore"):
        expected = np.where(x == 0, np.float32(0), PRODUCTS[name](x, np.float32(math.inf)))
    same(run(backend, name, x, math.inf), expected)
    same(
        run(backend, name, 0.0, np.asarray([math.nan, math.inf], np.float32)),
        np.zeros(2, np.float32),
    )
    same(run(backend, name, 3.0, x[1:]), PRODUCTS[name](3.0, x[1:]))


def test_a_product_that_overflows_the_check_is_still_right(backend):
    t, d = np.asarray([0.0, 1.0]), np.asarray([1e200, 1e200])
    same(run(backend, "multiply_no_nan", t, d), [0.0, 1e200])


# The standard's own functions: arguments, and parameters as the primitives give them.

M = draw((3, 4, 2), "float64")
B = M > 0
STANDARD = {
    "all": [(B, {"axis": (0,), "keepdims": False}), (B, {"axis": (), "keepdims": True})],
    "any": [(B, {"axis": (0, 2), "keepdims": True})],
    "astype": [(M, {"dtype": "float32"}), (B, {"dtype": "int64"})],
    "broadcast_to": [
        (M, {"shape": (5, 3, 4, 2)}),
        (M[:, :1], {"shape": (3, 4, 2)}),
        (M.T, {"shape": (2, 2, 4, 3)}),
        (np.asarray(1.5), {"shape": (2, 3)}),
        (M[:0], {"shape": (2, 0, 4, 2)}),
    ],
    "cumulative_prod": [(M, {"axis": 1})],
    "cumulative_sum": [(M, {"axis": 0}), (np.arange(5, dtype=np.int8), {"axis": 0})],
    "flip": [(M, {"axis": (0, 2)}), (M, {"axis": None}), (M, {"axis": -1})],
    "max": [(M, {"axis": (0, 1), "keepdims": False})],
    "min": [(M, {"axis": (1,), "keepdims": True})],
    "permute_dims": [(M, {"axes": (2, 0, 1)})],
    "prod": [(M, {"axis": (0, 1), "keepdims": False})],
    "reshape": [(M, {"shape": (4, 6)}), (M.T, {"shape": (24,)})],
    "sign_real": [(M, {}), (np.asarray([np.nan, 0.0]), {})],
    "sum": [
        (M, {"axis": (0, 1, 2), "keepdims": False}),
        (M, {"axis": (), "keepdims": False}),
        (np.arange(5, dtype=np.int8), {"axis": (0,), "keepdims": False}),
    ],
}
rows = [(name, x, params) for name, cases in STANDARD.items() for x, params in cases]


@pytest.mark.parametrize(("name", "x", "params"), rows, ids=[row[0] for row in rows])
def test_functions_of_the_standard(backend, name, x, params):
    arguments = dict(params)
    if "dtype" in params:
        arguments["dtype"] = getattr(xp, params["dtype"])
    expected = (
        x.astype(arguments["dtype"])
        if name == "astype"
        else getattr(xp, name.removesuffix("_real"))(x, **arguments)
    )
    if "dtype" in params:
        arguments["dtype"] = backend.dtype(params["dtype"])
    same(run(backend, name, x, **arguments), expected)


@pytest.mark.parametrize("shape", [(3, 4), (2,), (3, 4, 3)])
def test_broadcast_to_refuses_what_numpy_refuses(shape):
    backend = plugin("numpy")
    with pytest.raises(ValueError, match=r"broadcast|dimensions"):
        backend.kernels["broadcast_to"](M, shape)


def test_a_broadcast_view_is_read_only():
    view = plugin("numpy").kernels["broadcast_to"](np.ones(3), (2, 3))
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1.0


def test_matmul(backend):
    a, b = draw((2, 3, 4), "float32"), draw((4, 5), "float32")
    same(run(backend, "matmul", a, b), a @ b)


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("stack", [(), (3,)])
@pytest.mark.parametrize("alpha", [1.0, -0.5])
@pytest.mark.parametrize("added", [False, True])
def test_product(backend, transpose_a, transpose_b, stack, alpha, added):
    if "product" not in backend.kernels:
        pytest.skip("its reference is tested with the passes")
    a, b, c = (draw((*stack, *shape), "float32") for shape in ((2, 4), (4, 5), (2, 5)))
    expected = alpha * (a @ b) + (c if added else 0)
    a = np.ascontiguousarray(a.swapaxes(-1, -2)) if transpose_a else a
    b = np.ascontiguousarray(b.swapaxes(-1, -2)) if transpose_b else b
    flags = {"transpose_a": transpose_a, "transpose_b": transpose_b, "alpha": alpha}
    same(run(backend, "product", a, b, *([c] if added else []), **flags), expected)


ELSEWHERE = {
    "linalg.solve",  # gpubp/testing/cases/linalg.py
    "random_bits",  # tests/random
    "where",  # test_numpy_selection.py
    *("convolution", "convolution_input", "convolution_weight"),  # tests/cases/windows.py
    *("max_windows", "pick_max_windows", "place_max_windows"),
    *("spread_windows", "sum_windows"),
    *("expm1", "floor_divide"),  # test_numpy_standard.py
}


def test_every_kernel_is_tested(backend):
    here = {"gather", "index_add", "index_put", "matmul", "product"}
    fused = {name for name, p in PRIMITIVES.items() if p.composite}  # test_fused.py
    kernels = {name for name in backend.kernels if not name.startswith("optim.")}  # test_leafwise
    assert kernels <= {*here, *PRODUCTS, *STANDARD, *ELSEWHERE, *fused}
    assert kernels <= {*PRIMITIVES, *ELSEWHERE}, "a kernel that nothing runs"


@pytest.mark.parametrize(
    "name", sorted(set(itertools.chain(["gather", "index_add", "index_put"], PRODUCTS)))
)
def test_the_protocols_kernels_are_there(backend, name):
    assert name in backend.kernels
