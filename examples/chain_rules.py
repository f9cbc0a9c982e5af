"""Gradient, Jacobian, Hessian and the chain rules (follows the notes "vector calculus")."""

import numpy as np
from _show import check, heading, slip

import gpubp

rng = np.random.default_rng(0)


def xp_of(x):
    return x.__array_namespace__()


heading("Gradient: vector in, scalar out")
w, x = np.asarray([1.0, -2.0, 0.5]), np.asarray([0.3, 0.8, -1.1])
check("y = sum_i w_i x_i: grad y = w", gpubp.grad(lambda x, w: xp_of(x).sum(w * x))(x, w), w)
slip("d/dx_i sum_i w_i x_i uses i for the sum and for the component; the latter needs another")


def f(v):
    return 3 * v[0] ** 2 * v[1]


def g(v):
    return 2 * v[0] + v[1] ** 2


v = np.asarray([1.5, -0.5])
df = np.asarray([6 * v[0] * v[1], 3 * v[0] ** 2])
dg = np.asarray([2.0, 2 * v[1]])
check("f(x, y) = 3x^2 y: [6xy, 3x^2]", gpubp.grad(f)(v), df)
check("g(x, y) = 2x + y^2: [2, 2y]", gpubp.grad(g)(v), dg)
slip(
    "dg/dy = 8y^2; that of y^2 is 2y (that of y^8, which may be meant, 8y^7)",
    8 * v[1] ** 2,
    2 * v[1],
)
check(
    "if g is 2x + y^8: [2, 8y^7]",
    gpubp.grad(lambda v: 2 * v[0] + v[1] ** 8)(v),
    [2.0, 8 * v[1] ** 7],
)

heading("Matrix in, scalar out: a derivative by every entry, in the matrix's shape")
W = rng.normal(size=(3, 3))
check("f(W) = sum_ij W_ij^3: 3 W_ij^2", gpubp.grad(lambda W: xp_of(W).sum(W**3))(W), 3 * W**2)
slip(
    "calls this 'many functions, matrix in'; the Jacobian that follows is many functions of one\n"
    "    vector, while f(W) is one function of a matrix"
)

heading("Jacobian: vector in, vector out; the gradients are its rows, m x n")


def f_and_g(v):
    return xp_of(v).stack([f(v), g(v)])


J = gpubp.jacobian(f_and_g)(v)
check("J = [[6xy, 3x^2], [2, 2y]]", J, np.stack([df, dg]))
slip("J with 8y^2 in its last corner", [df, [2.0, 8 * v[1] ** 2]], J)
check("forward mode, a column at a time", gpubp.jacfwd(f_and_g)(v), J)
check("reverse mode, a row at a time", gpubp.jacrev(f_and_g)(v), J)
check("the identity's Jacobian is I, n x n", gpubp.jacobian(lambda x: 1 * x)(x), np.eye(3))
slip("takes |y| = m for the identity and pads I with rows of zeros; y = x has m = n")

heading("Hessian: n x n second derivatives of a scalar")


def product(v):
    return v[0] * v[1]


check("f(x, y) = xy: grad f = (y, x)", gpubp.grad(product)(v), v[::-1])
check("H = [[0, 1], [1, 0]]", gpubp.hessian(product)(v), [[0.0, 1.0], [1.0, 0.0]])
check(
    "H is the Jacobian of the gradient",
    gpubp.jacobian(gpubp.grad(product))(v),
    [[0.0, 1.0], [1.0, 0.0]],
)
second = gpubp.jacfwd(gpubp.jacrev(f_and_g))(v)
by_function = np.stack([[[6 * v[1], 6 * v[0]], [6 * v[0], 0.0]], [[0.0, 0.0], [0.0, 2.0]]])
check("of m functions: m Hessians, m x n x n", second, by_function)
slip(
    "sets the Jacobian's entries df_i/dx_j equal to d2f_i/dx_1 dx_j; the Hessian is the Jacobian\n"
    "    of a gradient, one n x n matrix for each f_i",
    J,
    second[:, 0, :],
)

heading("Single-variable chain rule: introduce, differentiate, combine, substitute")
x = np.asarray(0.7)
u, pull_u = gpubp.vjp(lambda x: x**3, x)  # 1. introduce intermediate variables
v_, pull_v = gpubp.vjp(lambda u: xp_of(u).sin(u), u)
w_, pull_w = gpubp.vjp(lambda v: v**2, v_)
y, pull_y = gpubp.vjp(lambda w: xp_of(w).log(w), w_)
one = np.asarray(1.0)
local = [pull(one)[0] for pull in (pull_y, pull_w, pull_v, pull_u)]  # 2. differentiate each
for name, got, want in zip(
    ["dy/dw = 1/w", "dw/dv = 2v", "dv/du = cos u", "du/dx = 3x^2"],
    local,
    [1 / w_, 2 * v_, np.cos(u), 3 * x**2],
    strict=True,
):
    check(f"  {name}", got, want)
combined = local[0] * local[1] * local[2] * local[3]  # 3. combine
closed_form = 6 * x**2 * np.cos(x**3) / np.sin(x**3)  # 4. substitute
check("ln(sin(x^3)^2): combined, 6x^2 cos(x^3) / sin(x^3)", combined, closed_form)


def log_sin_squared(x):
    xp = xp_of(x)
    return xp.log(xp.sin(x**3) ** 2)


check("and by grad", gpubp.grad(log_sin_squared)(x), closed_form)
slip("starts the product with dy/du du/dw; right is dy/dw alone")
slip("has cos(u^3), where u = x^3 already", np.cos(u**3), np.cos(u))
slip("ends in 6x^2 cos(x^3), without 1 / sin(x^3)", 6 * x**2 * np.cos(x**3), closed_form)

sin_square = gpubp.grad(lambda x: xp_of(x).sin(x**2))
check("sin(x^2): 2x cos(x^2)", sin_square(x), 2 * x * np.cos(x**2))
slip(
    "writes y = f(g(u)) = sin(u^2) and ends in 2x cos(u^2), with u = x^2; right is cos(u)",
    2 * x * np.cos(x**4),
    2 * x * np.cos(x**2),
)
forward = gpubp.jvp(lambda x: xp_of(x).sin(x**2), (x,), (one,))[1]
check("forward, from x to y, is the same product", forward, 2 * x * np.cos(x**2))
slip("says that automatic differentiation is done by numerics; it multiplies exact derivatives:")
h = 1e-6
quotient = (np.sin((x + h) ** 2) - np.sin((x - h) ** 2)) / (2 * h)
exact = 2 * x * np.cos(x**2)
print(
    f"    error of grad {abs(sin_square(x) - exact):.1e}, of a quotient with h = {h:g}:"
    f" {abs(quotient - exact):.1e}"
)

heading("Total derivative: sum over every path from x to y")
direct_and_indirect = gpubp.grad(lambda x: x + x**2)
check("y = x + x^2: 1 + 2x", direct_and_indirect(x), 1 + 2 * x)
slip(
    "the single-variable rule sees one path of the two: (1)(2x) = 2x (so the note itself says)",
    2 * x,
    1 + 2 * x,
)
slip("writes y = u + u^2 with u_1 = x^2, u_2 = u + u^2; right is y = x + x^2, u_2 = x + u_1")


def u2_of(x, u1):
    return x + u1


u1 = x**2
partial_x = gpubp.grad(u2_of, argnums=0)(x, u1)
partial_u1 = gpubp.grad(u2_of, argnums=1)(x, u1)
check("du2/dx dx/dx + du2/du1 du1/dx", partial_x + partial_u1 * 2 * x, 1 + 2 * x)


def sin_of_sum(x):
    u1 = x**2
    u2 = x + u1
    return xp_of(x).sin(u2)


closed_form = (1 + 2 * x) * np.cos(x + x**2)
check("sin(x + x^2): (1 + 2x) cos(x + x^2)", gpubp.grad(sin_of_sum)(x), closed_form)
slip("writes f(x) = sin(x + u^2) for sin(x + x^2)")
u2 = x + x**2
slip(
    "du3/dx = du3/du2 + du3/du2 du2/dx; the first term is the direct part du3/dx, which is 0",
    np.cos(u2) + np.cos(u2) * (1 + 2 * x),
    closed_form,
)
check("y = x x^2: u1 + x 2x = 3x^2", gpubp.grad(lambda x: x * x**2)(x), 3 * x**2)

heading("Vector chain rule: df/dx = df/dg dg/dx")


def inner(x):
    return xp_of(x).stack([x**2, 3 * x])


def outer(g):
    xp = xp_of(g)
    return xp.stack([xp.log(g[0]), xp.sin(g[1])])


df_dg = gpubp.jacobian(outer)(np.stack([x**2, 3 * x]))
dg_dx = gpubp.jacobian(inner)(x)
check("df/dg = [[1/g1, 0], [0, cos g2]]", df_dg, np.diag([1 / x**2, np.cos(3 * x)]))
check("dg/dx = [2x, 3], a column", dg_dx, [2 * x, 3.0])
check(
    "[ln(x^2), sin(3x)]: [2/x, 3 cos(3x)]",
    gpubp.jacobian(lambda x: outer(inner(x)))(x),
    [2 / x, 3 * np.cos(3 * x)],
)
check("is the product", df_dg @ dg_dx, [2 / x, 3 * np.cos(3 * x)])

heading("In general: |x| = n, |g| = k, |f| = m; (m x k) (k x n) = m x n")
n, k, m = 4, 3, 2
A, B = rng.normal(size=(k, n)), rng.normal(size=(m, k))


def g_of(x):
    xp = xp_of(x)
    return xp.sin(xp.asarray(A) @ x)


def f_of(g):
    xp = xp_of(g)
    return xp.exp(xp.asarray(B) @ g)


point = rng.normal(size=n)
middle = np.sin(A @ point)
dg = gpubp.jacobian(g_of)(point)
df = gpubp.jacobian(f_of)(middle)
check("dg/dx, k x n", dg, np.cos(A @ point)[:, None] * A)
check("df/dg, m x k", df, np.exp(B @ middle)[:, None] * B)
check("d f(g(x)) / dx, m x n", gpubp.jacobian(lambda x: f_of(g_of(x)))(point), df @ dg)
slip("gives g: R^m -> R^k and f: R^k -> R^n; right is g: R^n -> R^k and f: R^k -> R^m")
slip(
    "the first factor's entries are df_i/dg_j dg_j/dx_1; right is df_i/dg_j alone, since the\n"
    "    second factor brings dg_j/dx_i",
    (df * dg[:, 0]) @ dg,
    df @ dg,
)
slip("y = [h, f2] for [f1, f2], and dy/dx at the top of a column for dy_1/dx")

heading("The shapes of df/dx = df/du du/dx, for scalars and vectors")
print("    x       u       f        df/du      du/dx      df/dx")
for nx in (None, 4):
    for nu in (None, 3):
        for nf in (None, 2):
            sizes = [() if size is None else (size,) for size in (nx, nu, nf)]
            one_u = rng.normal(size=sizes[1] + sizes[0])
            two_f = rng.normal(size=sizes[2] + sizes[1])
            x_ = rng.normal(size=sizes[0])

            def contract(M, x):  # M x, where either may be a scalar
                xp = xp_of(x)
                return xp.tensordot(xp.asarray(M), x, axes=x.ndim)

            du = gpubp.jacobian(lambda x, M=one_u: contract(M, x))(x_)
            df = gpubp.jacobian(lambda u, M=two_f: contract(M, u))(np.tensordot(one_u, x_, x_.ndim))
            both = gpubp.jacobian(lambda x, M=one_u, N=two_f: contract(N, contract(M, x)))(x_)
            np.testing.assert_allclose(both, np.tensordot(df, du, len(sizes[1])), rtol=1e-12)
            names = ["scalar" if size is None else f"R^{size}" for size in (nx, nu, nf)]
            shapes = [str(np.shape(d)) for d in (df, du, both)]
            print(
                "    "
                + "".join(f"{t:<8}" for t in names)
                + " "
                + "".join(f"{t:<11}" for t in shapes)
            )
