"""grad and value_and_grad: arguments, trees, aux, and what they refuse."""

import dataclasses
from collections import namedtuple

import numpy as np
import pytest

import gpubp
from gpubp.core import tree
from gpubp.errors import GpubpError

Point = namedtuple("Point", ["x", "y"])


@tree.register
@dataclasses.dataclass
class Layer:
    weight: object
    bias: object
    name: str = dataclasses.field(default="layer", metadata={"static": True})


X, Y = np.asarray([1.0, -2.0, 0.5]), np.asarray([0.3, 0.2, -1.0])


def product(x, y):
    xp = x.__array_namespace__()
    return xp.sum(x * y * y)


def test_argnums_int_gives_one_gradient():
    np.testing.assert_allclose(gpubp.grad(product)(X, Y), Y**2)
    np.testing.assert_allclose(gpubp.grad(product, argnums=1)(X, Y), 2 * X * Y)
    np.testing.assert_allclose(gpubp.grad(product, argnums=-1)(X, Y), 2 * X * Y)


def test_argnums_tuple_gives_a_tuple_in_that_order():
    found = gpubp.grad(product, argnums=(1, 0))(X, Y)
    assert isinstance(found, tuple)
    np.testing.assert_allclose(found[0], 2 * X * Y)
    np.testing.assert_allclose(found[1], Y**2)
    assert isinstance(gpubp.grad(product, argnums=(0,))(X, Y), tuple)


def test_argnums_out_of_range_is_named():
    with pytest.raises(ValueError, match="argnums"):
        gpubp.grad(product, argnums=2)(X, Y)


def test_value_and_grad():
    value, gradient = gpubp.value_and_grad(product)(X, Y)
    assert value.shape == ()
    np.testing.assert_allclose(value, np.sum(X * Y**2))
    np.testing.assert_allclose(gradient, Y**2)


def test_aux_is_handed_through_undifferentiated():
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(x * x), {"twice": 2 * x, "label": "kept", "index": xp.argmax(x)}

    (value, aux), gradient = gpubp.value_and_grad(f, has_aux=True)(X)
    np.testing.assert_allclose(value, np.sum(X * X))
    np.testing.assert_allclose(gradient, 2 * X)
    assert isinstance(aux["twice"], np.ndarray)
    np.testing.assert_allclose(aux["twice"], 2 * X)
    assert aux["label"] == "kept"
    assert aux["index"] == 0
    gradient, aux = gpubp.grad(f, has_aux=True)(X)
    np.testing.assert_allclose(gradient, 2 * X)
    assert isinstance(aux["twice"], np.ndarray)


def test_aux_must_be_a_pair():
    with pytest.raises(TypeError, match="has_aux"):
        gpubp.grad(lambda x: x.__array_namespace__().sum(x), has_aux=True)(X)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda a, b: {"a": a, "b": b},
        lambda a, b: [a, b],
        lambda a, b: (a, b),
        lambda a, b: Point(a, b),
        lambda a, b: Layer(a, b),
        lambda a, b: {"nested": [(a, None), {"deep": Point(b, None)}]},
    ],
    ids=["dict", "list", "tuple", "namedtuple", "dataclass", "nested"],
)
def test_trees_come_back_as_they_went_in(wrap):
    def f(t):
        a, b = tree.leaves(t)
        return product(a, b)

    params = wrap(X, Y)
    found = gpubp.grad(f)(params)
    assert tree.structure(found) == tree.structure(params)
    ga, gb = tree.leaves(found)
    np.testing.assert_allclose(ga, Y**2)
    np.testing.assert_allclose(gb, 2 * X * Y)


def test_a_dataclass_keeps_its_static_field():
    found = gpubp.grad(lambda p: product(p.weight, p.bias))(Layer(X, Y, name="first"))
    assert isinstance(found, Layer)
    assert found.name == "first"


def test_unused_arguments_get_zeros():
    gx, gy = gpubp.grad(lambda x, y: x.__array_namespace__().sum(x), argnums=(0, 1))(X, Y)
    np.testing.assert_array_equal(gx, np.ones(3))
    np.testing.assert_array_equal(gy, np.zeros(3))
    assert gy.dtype == Y.dtype


def test_a_constant_function_has_gradient_zero():
    found = gpubp.grad(lambda x: x.__array_namespace__().asarray(3.0))(X)
    np.testing.assert_array_equal(found, np.zeros(3))


def test_python_floats_are_arguments_like_arrays():
    found = gpubp.grad(lambda x: x * x)(3.0)
    assert found.shape == ()
    assert float(found) == 6.0


def test_keyword_arguments_are_passed_on():
    def f(x, *, power):
        return x.__array_namespace__().sum(x**power)

    np.testing.assert_allclose(gpubp.grad(f)(X, power=3), 3 * X**2)


def test_result_must_be_a_real_scalar():
    with pytest.raises((TypeError, ValueError), match=r"shape \(3,\)"):
        gpubp.grad(lambda x: 2 * x)(X)
    with pytest.raises((TypeError, ValueError), match="complex"):
        gpubp.grad(lambda x: x.__array_namespace__().sum(x * 1j))(X)
    with pytest.raises((TypeError, ValueError), match="int"):
        gpubp.grad(lambda x: x.__array_namespace__().argmax(x))(X)


@pytest.mark.parametrize(
    "transformation",
    [gpubp.grad, gpubp.value_and_grad, gpubp.jacobian, gpubp.jacrev, gpubp.hessian, gpubp.vmap],
)
def test_what_is_no_function_is_refused_at_once(transformation):
    with pytest.raises(TypeError, match=r"\w+: f must be a function, got ndarray"):
        transformation(X)


def test_a_missing_return_is_called_that():
    with pytest.raises(TypeError, match="is its return missing"):
        gpubp.grad(lambda x: None)(X)


def test_a_leaf_that_is_no_array_says_what_to_do():
    @dataclasses.dataclass
    class Unregistered:
        x: object

    with pytest.raises(TypeError, match=r"has type Unregistered.*gpubp\.tree\.register"):
        gpubp.grad(lambda p: p.x)(Unregistered(X))
    with pytest.raises(TypeError, match=r"0\['name'\] has type str.*out of the tree"):
        gpubp.grad(lambda p: p["x"].sum())({"x": X, "name": "x"})


def test_integer_leaves_are_refused_by_path():
    params = {"w": X, "steps": [np.asarray([1, 2])]}
    with pytest.raises(TypeError, match=r"\['steps'\]\[0\]") as caught:
        gpubp.grad(lambda p: p["w"].__array_namespace__().sum(p["w"]))(params)
    assert isinstance(caught.value, GpubpError)
    with pytest.raises(TypeError, match="bool"):
        gpubp.grad(lambda m: m)(np.asarray(True))


def test_real_input_of_complex_code_gets_a_real_gradient():
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(xp.real(xp.exp(1j * x)))

    found = gpubp.grad(f)(X)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, -np.sin(X))


def test_complex_gradients_follow_the_transpose_convention():
    """d|z|^2 pairs with t as 2 Re(conj(z) t), so the cotangent is 2 conj(z)."""
    z = np.asarray([1 + 2j, -0.5 + 0.1j])

    def f(z):
        xp = z.__array_namespace__()
        return xp.sum(xp.real(z) ** 2 + xp.imag(z) ** 2)

    np.testing.assert_allclose(gpubp.grad(f)(z), 2 * np.conj(z))


def test_float32_stays():
    found = gpubp.grad(product)(X.astype("float32"), Y.astype("float32"))
    assert found.dtype == np.float32


def test_native_arrays_come_back():
    value, gradient = gpubp.value_and_grad(product)(X, Y)
    assert type(gradient) is np.ndarray
    assert type(value) is np.ndarray


def test_the_name_and_docstring_survive():
    def loss(x):
        """How bad."""
        return x

    assert "loss" in gpubp.grad(loss).__name__
    assert gpubp.grad(loss).__doc__ is not None


def test_arrays_given_by_keyword_arrive_traced():
    def f(x, scale):
        assert scale.__array_namespace__() is x.__array_namespace__()
        return x.__array_namespace__().sum(x * scale)

    scale = np.asarray([1.0, 2.0, 3.0])
    np.testing.assert_allclose(gpubp.grad(f)(np.ones(3), scale=scale), scale)
    np.testing.assert_allclose(gpubp.jacobian(f)(np.ones(3), scale=scale), scale)
    np.testing.assert_allclose(gpubp.vmap(f)(np.ones((2, 3)), scale=scale), [6.0, 6.0])
    np.testing.assert_allclose(gpubp.grad(gpubp.checkpoint(f))(np.ones(3), scale=scale), scale)
