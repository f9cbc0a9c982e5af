"""Solutions differentiated by the equation they solve."""

import numpy as np
import pytest
from scipy import optimize

import gpubp
from gpubp.errors import ArgumentError, DifferentiationError


def newton(a):
    x = a / 2 + 0.5
    while abs(float(x * x - a)) > 1e-14 * float(a):
        x = (x + a / x) / 2
    return x


root = gpubp.implicit_root(lambda x, a: x * x - a, newton)


def test_value_and_derivatives_of_a_square_root():
    a = np.asarray(4.0)
    np.testing.assert_allclose(root(a), 2.0)
    np.testing.assert_allclose(gpubp.grad(root)(a), 0.25)
    np.testing.assert_allclose(gpubp.jvp(root, (a,), (np.asarray(2.0),))[1], 0.5)
    np.testing.assert_allclose(gpubp.grad(gpubp.grad(root))(a), -1 / 32)
    np.testing.assert_allclose(gpubp.jacfwd(gpubp.grad(root))(a), -1 / 32)


def test_a_solver_that_asks_for_values_runs_example_by_example():
    a = np.asarray([1.0, 4.0, 9.0])
    np.testing.assert_allclose(gpubp.vmap(root)(a), [1.0, 2.0, 3.0])
    np.testing.assert_allclose(gpubp.vmap(gpubp.grad(root))(a), 0.5 / np.sqrt(a))
    np.testing.assert_allclose(
        gpubp.grad(lambda a: a.__array_namespace__().sum(gpubp.vmap(root)(a)))(a), 0.5 / np.sqrt(a)
    )


def test_systems_and_trees_by_scipy():
    """x = (u, v) with u + v = p and u v = q, by a solver that knows NumPy only."""

    def residual(x, p, q):
        return {"sum": x["u"] + x["v"] - p, "product": x["u"] * x["v"] - q}

    def solver(p, q):
        assert isinstance(p, np.ndarray)
        found = optimize.root(lambda x: [x[0] + x[1] - p, x[0] * x[1] - q], [1.0, 2.5], tol=1e-14)
        return {"u": np.asarray(found.x[0]), "v": np.asarray(found.x[1])}

    solve = gpubp.implicit_root(residual, solver)
    args = np.asarray(5.0), np.asarray(6.0)
    jacobian = gpubp.jacrev(solve, (0, 1))(*args)
    # u = (p - d) / 2 with d^2 = p^2 - 4 q
    d = np.sqrt(args[0] ** 2 - 4 * args[1])
    np.testing.assert_allclose(jacobian["u"][0], (1 - args[0] / d) / 2, rtol=1e-9)
    np.testing.assert_allclose(jacobian["u"][1], 1 / d, rtol=1e-9)
    np.testing.assert_allclose(gpubp.jacfwd(solve, 1)(*args)["v"], -1 / d, rtol=1e-9)


def test_a_vector_equation_with_integers_among_the_arguments():
    matrix = np.asarray([[3.0, 1.0], [1.0, 2.0]])

    def solver(m, b, power):
        return np.linalg.solve(m, b**power)

    solve = gpubp.implicit_root(lambda x, m, b, power: m @ x - b**power, solver)
    b = np.asarray([1.0, 2.0])
    found = gpubp.jacobian(solve, 1)(matrix, b, np.asarray(2))
    np.testing.assert_allclose(found, np.linalg.inv(matrix) * (2 * b))


def test_derivatives_do_not_depend_on_how_the_solver_got_there():
    rough = gpubp.implicit_root(lambda x, a: x * x - a, lambda a: np.sqrt(a) + 0.0)
    np.testing.assert_allclose(gpubp.grad(rough)(np.asarray(9.0)), 1 / 6)


def test_closing_over_a_traced_array_raises():
    def f(b):
        return gpubp.implicit_root(lambda x, a: x * x - a * b, newton)(b * 1.0)

    with pytest.raises(DifferentiationError, match=r"closes over a traced array.*arguments"):
        gpubp.grad(f)(np.asarray(4.0))


def test_a_residual_of_another_size_raises():
    bad = gpubp.implicit_root(lambda x, a: (x * x - a).__array_namespace__().stack([x, x]), newton)
    with pytest.raises(ArgumentError, match="2 numbers for 1 unknowns"):
        gpubp.grad(bad)(np.asarray(4.0))
