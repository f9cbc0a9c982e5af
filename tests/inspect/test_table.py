"""The table's numbers and formulas against the notes' closed forms."""

import re

import numpy as np
import pytest

import gpubp
from gpubp.inspect import table


def sigmoid(x):
    xp = x.__array_namespace__()
    return 1 / (1 + xp.exp(-x))


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def test_sigmoid_in_the_notes_steps():
    x = 0.8
    found = table(sigmoid, np.asarray(x))
    u = np.exp(-x)
    y = 1 / (1 + u)
    want = [  # name, definition, value, formula of the local derivative, its value, dy/d it
        ("x", "", x, None, None, y * (1 - y)),
        ("u1", "-x", -x, "-1", -1, -(y**2) * u),
        ("u2", "exp(u1)", u, "u2", u, -(y**2)),
        ("u3", "1 + u2", 1 + u, "1", 1, -(y**2)),
        ("y", "1 / u3", y, "-y / u3", -(y**2), 1),
    ]
    for step, (name, definition, value, formula, local, total) in zip(found, want, strict=True):
        assert (step.name, step.definition) == (name, definition)
        close(step.value, value)
        close(step.cotangent, total)
        if formula is not None:
            assert step.locals[0].formula == formula
            close(step.locals[0].value, local)


# One argument, the definition of the result, and d result / d argument as the rule itself says it.
FORMULAS = [
    (lambda x: x**3, "x**3", "3 * x**2"),
    (lambda x: x**2, "x**2", "2 * x"),
    (lambda x: 2.0 - x, "2 - x", "-1"),
    (lambda x: x - (-2.0), "x - (-2)", "1"),
    (lambda x: 3 * x, "3 * x", "3"),
    (lambda x: x / 4, "x / 4", "1 / 4"),
    (lambda x: 0.0 * x, "0 * x", "0"),
    (lambda x: x * x, "x * x", "x + x"),
    (lambda x: x.__array_namespace__().log(x), "log(x)", "1 / x"),
    (lambda x: x.__array_namespace__().sin(x), "sin(x)", "cos(x)"),
    (lambda x: x.__array_namespace__().cos(x), "cos(x)", "-sin(x)"),
    (lambda x: x.__array_namespace__().tanh(x), "tanh(x)", "1 - y * y"),
    (lambda x: x.__array_namespace__().sqrt(x), "sqrt(x)", "1 / (2 * y)"),
    (lambda x: abs(x), "abs(x)", "sign(x)"),
]


@pytest.mark.parametrize(("f", "definition", "formula"), FORMULAS, ids=[row[1] for row in FORMULAS])
def test_formulas(f, definition, formula):
    x = np.asarray(0.7)
    step = table(f, x).result
    assert step.definition == definition
    assert step.locals[0].formula == formula
    names = {"x": 0.7, "y": float(step.value), "cos": np.cos, "sin": np.sin, "sign": np.sign}
    close(step.locals[0].value, eval(formula, names))  # the text says what the number is
    close(step.locals[0].value, gpubp.grad(f)(x))


def test_every_path_counts():
    """The notes' total derivative: d sin(x + x^2) / dx = (1 + 2x) cos(x + x^2)."""

    def f(x):
        u1 = x**2
        return x.__array_namespace__().sin(x + u1)

    found = table(f, np.asarray(0.7))
    close(found["x"].cotangent, (1 + 1.4) * np.cos(0.7 + 0.49))
    text = str(found)
    assert re.search(r"dy/dx +dy/du1 ∂u1/∂x \+ dy/du2 ∂u2/∂x ", text)
    assert re.search(r"dy/du2 +∂y/∂u2 ", text), "the partial derivative is told from the total one"


def test_quadratic_form():
    x, M = np.asarray([1.0, -2.0]), np.asarray([[1.0, 2.0], [3.0, 5.0]])
    found = table(lambda x, M: x @ M @ x, x, M)
    assert [s.definition for s in found] == ["", "", "x @ M", "u1 @ x"]
    close(found["x"].cotangent, (M + M.T) @ x)
    close(found["M"].cotangent, np.outer(x, x))
    by = {(s.name, found[local.parent].name): local for s in found for local in s.locals}
    close(by["u1", "x"].value, M.T)
    close(by["y", "x"].value, x @ M)
    assert {pair: local.formula for pair, local in by.items()} == {
        ("u1", "x"): "M.T",
        ("u1", "M"): None,
        ("y", "u1"): "x",
        ("y", "x"): "u1",
    }


def test_jacobian_of_an_affine_map_is_the_notes_third_order_tensor():
    A, x, b = np.asarray([[1.0, 2.0], [3.0, 4.0]]), np.asarray([0.5, -1.0]), np.asarray([7.0, 8.0])
    found = table(lambda A, x, b: A @ x + b, A, x, b, cotangent=np.asarray([1.0, 10.0]))
    product = found["u1"]
    by = {found[local.parent].name: local for local in product.locals}
    close(by["A"].value, np.einsum("ij,k->ijk", np.eye(2), x))
    assert by["x"].formula == "A"
    close(by["x"].value, A)
    close(found["A"].cotangent, np.outer([1, 10], x))
    close(found["b"].cotangent, [1, 10])


def test_transposed_weights():
    W, x = np.asarray([[1.0, 2.0], [3.0, 4.0]]), np.asarray([0.5, -1.0])
    found = table(lambda x, W: x @ W.T, x, W)
    assert found.result.definition == "x @ W.T"
    local = next(d for d in found.result.locals if found[d.parent].name == "x")
    assert local.formula == "W"
    close(local.value, W)


def test_one_call_is_one_variable():
    """var and mean are many primitives, and a loop's body is many calls of one line."""

    def f(x):
        xp = x.__array_namespace__()
        for _ in range(3):
            x = xp.mean(x * x) + x
        return xp.var(x)

    x = np.asarray([0.1, 0.4, 0.2])
    found = table(f, x)
    assert len(found) == 1 + 3 * 3 + 1
    close(found["x"].cotangent, gpubp.grad(f)(x))


def test_a_call_of_a_function_with_its_own_rule_is_one_variable():
    @gpubp.custom_vjp
    def halve(x):
        return x / 2

    halve.defvjp(lambda x: (x / 2, None), lambda _, ct: (10 * ct,))
    found = table(lambda x: gpubp.checkpoint(sigmoid)(halve(x)) + x, np.asarray(0.6))
    assert [s.definition for s in found] == ["", "halve(x)", "checkpoint(u1)", "u2 + x"]
    y = 1 / (1 + np.exp(-0.3))
    close(found["x"].cotangent, 10 * y * (1 - y) + 1)


def test_inside_another_transformation():
    def slope(x):
        return table(lambda x: x**3, x)["x"].cotangent

    close(gpubp.grad(slope)(np.asarray(2.0)), 12)


def test_tree_arguments_have_short_names_where_those_are_clear():
    def f(params, scale):
        return params["layers"][0]["w"] * params["layers"][1]["w"] * params["b"] * scale

    leaf = np.asarray(2.0)
    params = {"layers": [{"w": leaf}, {"w": leaf + 1}], "b": leaf}
    names = [s.name for s in table(f, params, np.asarray(3.0))]
    assert names == ["b", "params['layers'][0]['w']", "params['layers'][1]['w']", "scale",
                     "u1", "u2", "y"]  # fmt: skip


def test_names_that_are_taken():
    def f(y, u1):
        return (y + u1) ** 2 * y

    names = [s.name for s in table(f, np.asarray(2.0), np.asarray(3.0))]
    assert names == ["y", "u1", "v1", "v2", "f"]


def test_an_argument_that_does_not_matter_has_cotangent_zero():
    found = table(lambda x, z: 2 * x, np.asarray(1.0), np.asarray([1.0, 2.0]))
    close(found["z"].cotangent, [0, 0])
    assert re.search(r"dy/dz +0 ", str(found))


def test_python_numbers_and_integers():
    found = table(lambda x, n: x[n] * 2, np.asarray([1.0, 2.0]), 1)
    assert found["u1"].definition == "x[1]"
    close(float(table(lambda x: x * x, 3.0)["x"].cotangent), 6)


def test_large_arrays_are_summarised():
    x = np.linspace(0.0, 1.0, 1000)
    found = table(lambda x: x.__array_namespace__().sum(x**2), x)
    assert "(1000,) 0 .. 1" in str(found)
    assert len(str(found)) < 5000
    assert found.result.locals[0].value is None
    assert found.result.locals[0].shape == (1000,)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: (x, x), r"inspect.table: <lambda> must return one array, got the structure"),
        (lambda x: x.__array_namespace__().ones(2), r"inspect.table: .* does not depend on its"),
    ],
)
def test_errors(f, message):
    with pytest.raises(gpubp.errors.ArgumentError, match=message):
        table(f, np.asarray(1.0))


def test_unknown_variable():
    with pytest.raises(KeyError, match="no variable 'q'; there are x, y"):
        table(lambda x: 2 * x, np.asarray(1.0))["q"]


def test_all_libraries(library):
    xp = library.xp
    x = library.asarray(np.asarray([0.5, -0.25]))
    found = table(lambda x: x.__array_namespace__().sum(sigmoid(x)), x)
    y = 1 / (1 + np.exp(-np.asarray([0.5, -0.25])))
    assert type(found["x"].cotangent) is type(x)
    close(library.to_numpy(found["x"].cotangent), y * (1 - y))
    assert xp is not None
    assert "[0.5, -0.25]" in str(found)
