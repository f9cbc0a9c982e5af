"""Gradients by vectors and matrices (follows "DNN supplementary slides", on derivatives)."""

import numpy as np
from _show import check, heading, slip

import gpubp

rng = np.random.default_rng(0)

heading("One variable")


def cube_of_sum(x):
    return (x**2 + 2) ** 3


x = np.asarray(1.5)
check("(x^2 + 2)^3: 3 (x^2 + 2)^2 2x", gpubp.grad(cube_of_sum)(x), 3 * (x**2 + 2) ** 2 * 2 * x)


def quotient(x):
    xp = x.__array_namespace__()
    return xp.sin(x) / (x**2 + 2)


f, df, g, dg = np.sin(x), np.cos(x), x**2 + 2, 2 * x
check("quotient rule: (f' g - f g') / g^2", gpubp.grad(quotient)(x), (df * g - f * dg) / g**2)
slip("quotient rule without its minus sign", (df * g * f * dg) / g**2, (df * g - f * dg) / g**2)

heading("Several variables: the gradient collects the partial derivatives")


def h(v):
    return (2 * v[0] + v[1] ** 2) ** 2


v = np.asarray([1.0, 2.0])
inner = 2 * v[0] + v[1] ** 2
closed_form = np.asarray([2 * inner * 2, 2 * inner * 2 * v[1]])
check("h(x, y) = (2x + y^2)^2", gpubp.grad(h)(v), closed_form)
row = gpubp.jacobian(lambda v: h(v)[None])(v)
check("as the slides' row vector, 1 x n", row, closed_form[None, :])

heading("Product rule: the order of the factors matters")


def scalar(x):  # R^n -> R
    xp = x.__array_namespace__()
    return xp.sum(x**2)


def vector(x):  # R^3 -> R^2
    xp = x.__array_namespace__()
    return xp.stack([x[0] * x[1], xp.sin(x[2])])


x = np.asarray([0.5, -1.0, 2.0])
df, dg = gpubp.jacobian(scalar)(x), gpubp.jacobian(vector)(x)
outer = np.outer(vector(x), df)
check(
    "d(f g)/dx = g df/dx + f dg/dx, f scalar",
    gpubp.jacobian(lambda x: scalar(x) * vector(x))(x),
    outer + scalar(x) * dg,
)
slip(
    "df/dx g(x) + f(x) dg/dx for any f and g: it holds for scalar f and g; here the first term\n"
    f"    would be {df[None, :].shape} times {vector(x)[:, None].shape}, so g stands first:"
    " g df/dx"
)


def dot(x):
    xp = x.__array_namespace__()
    return xp.vecdot(vector(x), vector(2 * x))


dg2 = 2 * gpubp.jacobian(vector)(2 * x)
check(
    "d(f^T g)/dx = g^T df/dx + f^T dg/dx", gpubp.grad(dot)(x), vector(2 * x) @ dg + vector(x) @ dg2
)

heading("Chain rule h(f1(x1, x2), f2(x1, x2)): a row times a Jacobian")


def outer_function(f):
    xp = f.__array_namespace__()
    return f[0] ** 2 * xp.exp(f[1])


def inner_functions(x):
    xp = x.__array_namespace__()
    return xp.stack([x[0] * x[1], xp.sin(x[0]) + x[1]])


x = np.asarray([0.7, 1.3])
f = inner_functions(x)
dh_df = np.asarray([2 * f[0] * np.exp(f[1]), f[0] ** 2 * np.exp(f[1])])
df_dx = np.asarray([[x[1], x[0]], [np.cos(x[0]), 1.0]])
check("dh/df", gpubp.grad(outer_function)(f), dh_df)
check("df/dx", gpubp.jacobian(inner_functions)(x), df_dx)
check(
    "dh/dx = dh/df df/dx",
    gpubp.grad(lambda x: outer_function(inner_functions(x)))(x),
    dh_df @ df_dx,
)

heading("A scalar by a matrix has the matrix's shape (denominator layout)")
M = rng.normal(size=(2, 3))


def sum_of_squares(M):
    xp = M.__array_namespace__()
    return xp.sum(M**2)


def rows(M):
    xp = M.__array_namespace__()
    return xp.sum(M**2, axis=1)


check("d sum(M^2) / dM = 2M", gpubp.grad(sum_of_squares)(M), 2 * M)
numerator = gpubp.jacobian(rows, layout="numerator")(M)
denominator = gpubp.jacobian(rows, layout="denominator")(M)
check("shape of d(2 values)/dM, numerator layout", numerator.shape, (2, 2, 3))
check("shape of d(2 values)/dM, denominator layout", denominator.shape, (2, 3, 2))
check("the same numbers", np.moveaxis(numerator, 0, -1), denominator)


def matrix_of(t):  # R -> R^(2 x 3)
    xp = t.__array_namespace__()
    return xp.sin(xp.asarray(M) * t)


t = np.asarray(0.4)
da_dM, dM_dt = gpubp.grad(sum_of_squares)(matrix_of(t)), gpubp.jacobian(matrix_of)(t)
check(
    "chain rule: sum over i, j of da/dM_ij dM_ij/dt",
    gpubp.grad(lambda t: sum_of_squares(matrix_of(t)))(t),
    np.sum(da_dM * dM_dt),
)
slip("the gradient by index has x for its subscript; it is (grad_M f)_ij = df/dM_ij")

heading("Kronecker's delta")
delta, x = np.eye(3), np.asarray([2.0, -1.0, 0.5])
A = rng.normal(size=(2, 2))
check("sum_j delta_ij x_j = x_i", delta @ x, x)
check(
    "delta_ij = delta_(0, j - i)",
    np.asarray([[float(j == i) for j in range(3)] for i in range(3)]),
    np.asarray([[float(j - i == 0) for j in range(3)] for i in range(3)]),
)
kl_ij = np.einsum("ik,jl->klij", np.eye(2), np.eye(2))
check("dA_kl / dA_ij = delta_ik delta_jl", gpubp.jacobian(lambda A: A * 1.0)(A), kl_ij)

heading("Example 1: x^T M x")


def quadratic_form(x, M):
    return x @ M @ x


M = rng.normal(size=(3, 3))
symmetric = M + M.T
gradient = gpubp.grad(quadratic_form)
by_index = np.asarray(
    [
        sum(x[m] * M[i, m] for m in range(3)) + sum(x[k] * M[k, i] for k in range(3))
        for i in range(3)
    ]
)
check("any M: sum_l x_l M_il + sum_k x_k M_ki", gradient(x, M), by_index)
check("any M: x^T (M + M^T)", gradient(x, M), x @ (M + M.T))
check("symmetric M: 2 x^T M", gradient(x, symmetric), 2 * x @ symmetric)
check("by M: the outer product x x^T", gpubp.grad(quadratic_form, argnums=1)(x, M), np.outer(x, x))
check("Hessian: M + M^T", gpubp.hessian(quadratic_form)(x, M), M + M.T)
slip("keeps d/dx_i in front of the deltas, after the derivative has been taken")
slip(
    "ends in 'grad x M x^v = 2 x M'; it is grad_x x^T M x = 2 x^T M, for symmetric M only",
    2 * x @ M,
    x @ (M + M.T),
)

heading("Example 2: tr(AB)")


def trace_of_product(A, B):
    xp = A.__array_namespace__()
    return xp.sum((A @ B) * xp.eye(A.shape[0]))  # the diagonal's sum


A, B = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))
check("grad_A tr(AB) = B^T", gpubp.grad(trace_of_product)(A, B), B.T)
check("grad_B tr(AB) = A^T", gpubp.grad(trace_of_product, argnums=1)(A, B), A.T)
slip(
    "d/dA_ii and B_ii in the last steps; they are d/dA_ij and B_ji, or the result would be\n"
    "    the diagonal alone",
    np.diagonal(B),
    B.T,
)
