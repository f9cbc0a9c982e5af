"""Derivative rules and modules of backpropagation (follows "Lecture 2: Basic Differentiation")."""

import math

import numpy as np
from _show import check, heading, slip

import gpubp


def derivative(f):
    """f'(x) at every point of an array: the derivative of a scalar function, mapped."""
    return gpubp.vmap(gpubp.grad(lambda x: f(x, x.__array_namespace__())))


x = np.asarray([0.5, 1.0, 2.0, 3.5])
at = np.asarray  # a scalar is an array of shape ()

heading("Rates of change")


def square(x):
    return x**2


average = (square(4.0) - square(2.0)) / (4.0 - 2.0)
check("average rate of x^2 from 2 to 4", average, 6.0)
slip("writes J(4) - J(2) for f(4) - f(2)")
for h in (1e-1, 1e-3, 1e-5):
    quotient = (square(2.0 + h) - square(2.0)) / h  # 2x + h, which tends to 2x
    check(f"difference quotient at 2, h = {h:g}", quotient, 4.0 + h)
for point in (-2.0, 0.0, 2.0):
    check(f"d/dx x^2 at {point:g}", gpubp.grad(square)(at(point)), 2 * point)
for point, slope in ((-2.0, 8.0), (0.0, -4.0), (2.0, 8.0)):
    cubic = gpubp.grad(lambda x: x * (x + 2) * (x - 2))
    check(f"d/dx x(x + 2)(x - 2) at {point:g}", cubic(at(point)), slope)

heading("Table of derivatives, at x = 0.5, 1, 2, 3.5")
cbrt = np.cbrt
RULES = [
    # f(x), as the library runs it, and its closed form
    ("100", lambda x, xp: xp.full_like(x, 100.0), 0 * x),
    ("e^2 - ln 30", lambda x, xp: xp.full_like(x, math.e**2 - math.log(30)), 0 * x),
    ("x", lambda x, xp: x, 0 * x + 1),
    ("x^2", lambda x, xp: x**2, 2 * x),
    ("x^10", lambda x, xp: x**10, 10 * x**9),
    ("1/x", lambda x, xp: 1 / x, -1 / x**2),
    ("1/x^2", lambda x, xp: 1 / x**2, -2 / x**3),
    ("-2/x^3", lambda x, xp: -2 / x**3, 6 / x**4),
    ("sqrt(x)", lambda x, xp: xp.sqrt(x), 1 / (2 * np.sqrt(x))),
    ("1/cbrt(x)", lambda x, xp: x ** (-1 / 3), -1 / (3 * cbrt(x**4))),
    ("log_2(x)", lambda x, xp: xp.log2(x), 1 / (x * math.log(2))),
    ("log_(1/2)(x)", lambda x, xp: xp.log(x) / math.log(0.5), 1 / (x * math.log(0.5))),
    ("ln(x)", lambda x, xp: xp.log(x), 1 / x),
    ("2^x", lambda x, xp: 2.0**x, math.log(2) * 2**x),
    ("(ln 2)^x", lambda x, xp: math.log(2) ** x, math.log(math.log(2)) * math.log(2) ** x),
    ("e^x", lambda x, xp: xp.exp(x), np.exp(x)),
    ("sin(x)", lambda x, xp: xp.sin(x), np.cos(x)),
    ("cos(x)", lambda x, xp: xp.cos(x), -np.sin(x)),
    ("tan(x)", lambda x, xp: xp.tan(x), 1 / np.cos(x) ** 2),
    ("2x", lambda x, xp: 2 * x, 0 * x + 2),
    ("-3e^x", lambda x, xp: -3 * xp.exp(x), -3 * np.exp(x)),
    ("e sin(x)", lambda x, xp: math.e * xp.sin(x), math.e * np.cos(x)),
    (
        "3x^3 - 2x^2 + 10x - 20",
        lambda x, xp: 3 * x**3 - 2 * x**2 + 10 * x - 20,
        9 * x**2 - 4 * x + 10,
    ),
    ("2x^2 - x + 7", lambda x, xp: 2 * x**2 - x + 7, 4 * x - 1),
    ("sin(x) - 1/sqrt(x)", lambda x, xp: xp.sin(x) - 1 / xp.sqrt(x), np.cos(x) + x**-1.5 / 2),
    ("sinh(x) = (e^x - e^-x)/2", lambda x, xp: (xp.exp(x) - xp.exp(-x)) / 2, np.cosh(x)),
    ("cosh(x) = (e^x + e^-x)/2", lambda x, xp: (xp.exp(x) + xp.exp(-x)) / 2, np.sinh(x)),
    ("product: x x^2", lambda x, xp: x * x**2, 3 * x**2),
    ("product: e^x ln(x)", lambda x, xp: xp.exp(x) * xp.log(x), np.exp(x) * (np.log(x) + 1 / x)),
    ("quotient: x^2 / e^2", lambda x, xp: x**2 / math.e**2, 2 * x / math.e**2),
    ("quotient: x^2 / e^x", lambda x, xp: x**2 / xp.exp(x), (2 * x - x**2) / np.exp(x)),
    ("quotient: sinh(x) / cosh(x)", lambda x, xp: xp.sinh(x) / xp.cosh(x), 1 - np.tanh(x) ** 2),
    ("chain: cos(x^3)", lambda x, xp: xp.cos(x**3), -3 * x**2 * np.sin(x**3)),
    ("chain: sin(x - 0.3), a shift in time", lambda x, xp: xp.sin(x - 0.3), np.cos(x - 0.3)),
    ("chain: (5 - x)^2", lambda x, xp: (5 - x) ** 2, -2 * (5 - x)),
    (
        "chain: 1 / (1 + e^-x)",
        lambda x, xp: 1 / (1 + xp.exp(-x)),
        np.exp(-x) / (1 + np.exp(-x)) ** 2,
    ),
]
for name, f, closed_form in RULES:
    check(f"d/dx {name}", derivative(f)(x), closed_form)

slip("d/dx x^2 = 20 (a scan of 2x)", 0 * x + 20, 2 * x)
slip(
    "d/dx (-2/x^3) = 6/x^3; the exponent falls to -4 (and -2/x^3 itself is d/dx 1/x^2)",
    6 / x**3,
    6 / x**4,
)
slip("sets functions equal to their derivatives, as in x^(1/2) = x^(-1/2) / 2")
slip(
    "d/dx sqrt(x) = 1/(24 pi) (a scan of 1/(2 sqrt x))",
    0 * x + 1 / (24 * math.pi),
    1 / (2 * np.sqrt(x)),
)
slip(
    "d/dx x^(-1/3) = -x^(-1/3) / 3; the exponent falls to -4/3",
    -(x ** (-1 / 3)) / 3,
    -(x ** (-4 / 3)) / 3,
)
slip(
    "x^2 / e^2 as an exercise for the quotient rule: e^2 is a constant, so x^2 / e^x is meant",
    2 * x / math.e**2,
    (2 * x - x**2) / np.exp(x),
)
slip("shows log_a as an increasing function; so it is for a > 1 only, see base 1/2 above")

heading("Why d/dx sin(x) = cos(x)")
A, B = np.asarray(1.1), np.asarray(0.4)
plus, minus = (A + B) / 2, (A - B) / 2
check("sin A + sin B", np.sin(A) + np.sin(B), 2 * np.sin(plus) * np.cos(minus))
check("sin A - sin B", np.sin(A) - np.sin(B), 2 * np.cos(plus) * np.sin(minus))
check("cos A + cos B", np.cos(A) + np.cos(B), 2 * np.cos(plus) * np.cos(minus))
check("cos A - cos B", np.cos(A) - np.cos(B), -2 * np.sin(plus) * np.sin(minus))
h = 1e-6
check("sin(h) / h as h -> 0", math.sin(h) / h, 1.0)
check("tan(h) / h as h -> 0", math.tan(h) / h, 1.0)
limit = np.cos(x + h / 2) * math.sin(h / 2) / (h / 2)
check("cos(x + h/2) sin(h/2) / (h/2) -> cos(x)", limit, np.cos(x), tol=2e-6)
slip("divides by h in the last step, where the 2 has gone into h/2", limit / 2, np.cos(x))

heading("Functions in pieces")
signed = np.asarray([-2.0, -0.5, 0.5, 2.0])
step = np.where(signed > 0, 1.0, 0.0)


def absolute_in_pieces(x, xp):
    return xp.where(x >= 0, x, -x)


def relu_in_pieces(x, xp):
    return xp.where(x >= 0, x, 0 * x)


check("d/dx |x|, in pieces", derivative(absolute_in_pieces)(signed), np.sign(signed))
check("d/dx |x|, by abs", derivative(lambda x, xp: xp.abs(x))(signed), np.sign(signed))
check("d/dx ReLU(x), in pieces", derivative(relu_in_pieces)(signed), step)
check(
    "d/dx ReLU(x), by maximum",
    derivative(lambda x, xp: xp.maximum(x, xp.zeros_like(x)))(signed),
    step,
)
zero = np.asarray([0.0])
check("the rule at the join, |x| in pieces", derivative(absolute_in_pieces)(zero), [1.0])
check("the library's choice there: abs", derivative(lambda x, xp: xp.abs(x))(zero), [0.0])
check(
    "and for a tie in maximum: shared equally",
    derivative(lambda x, xp: xp.maximum(x, xp.zeros_like(x)))(zero),
    [0.5],
)
slip(
    "gives f' = f1' at the join x = alpha; neither |x| nor ReLU has a derivative there. The rule\n"
    "    needs equal values and slopes; else it picks one subgradient (from [-1, 1] and [0, 1])"
)

heading("Differentiation is linear and time-invariant")
alpha, beta, tau = 2.0, -3.0, 0.25


def combination(t, xp):
    return alpha * xp.sin(t - tau) + beta * xp.exp(t - tau)


right = alpha * np.cos(x - tau) + beta * np.exp(x - tau)
check("d/dt [a f(t - tau) + b g(t - tau)]", derivative(combination)(x), right)
slip(
    "d/dx [a f(t - tau) + b f(t - tau)]: the second f is g, and the derivative is with respect\n"
    "    to t",
    (alpha + beta) * np.cos(x - tau),
    right,
)

heading("Modules of backpropagation: z goes up, dJ/dz comes down, dJ/dx = dJ/dz dz/dx goes on")


def xp_of(x):
    return x.__array_namespace__()


MODULES = [
    ("u1 = f1(x)  = x^2", lambda x: x**2),
    ("u2 = f2(u1) = sin(u1)", lambda u: xp_of(u).sin(u)),
    ("u3 = f3(u2) = e^u2", lambda u: xp_of(u).exp(u)),
    ("y  = f4(u3) = ln(1 + u3)", lambda u: xp_of(u).log1p(u)),
]
x0 = np.asarray(0.8)
value, pullbacks = x0, []
for _, f in MODULES:  # forward: every module keeps what its derivative needs
    value, pullback = gpubp.vjp(f, value)
    pullbacks.append(pullback)
u1, u2, u3 = x0**2, np.sin(x0**2), np.exp(np.sin(x0**2))
check("y = f4(f3(f2(f1(x))))", value, np.log1p(u3))

dy_du3 = 1 / (1 + u3)
dy_du2 = dy_du3 * u3
dy_du1 = dy_du2 * np.cos(u1)
dy_dx = dy_du1 * 2 * x0
cotangent = np.asarray(1.0)  # dy/dy
backward = zip(MODULES[::-1], pullbacks[::-1], [dy_du3, dy_du2, dy_du1, dy_dx], strict=True)
for (name, _), pullback, closed_form in backward:
    (cotangent,) = pullback(cotangent)
    check(f"down through {name}", cotangent, closed_form)

tangent, value = np.asarray(1.0), x0  # dx/dx: the same product, multiplied from the other end
forward = [2 * x0, np.cos(u1) * 2 * x0, u3 * np.cos(u1) * 2 * x0, dy_dx]
for (name, f), closed_form in zip(MODULES, forward, strict=True):
    value, tangent = gpubp.jvp(f, (value,), (tangent,))
    check(f"up through {name}", tangent, closed_form)


def chain(modules):
    def composed(x):
        for _, f in modules:
            x = f(x)
        return x

    return composed


check("dy/dx at once", gpubp.grad(chain(MODULES))(x0), dy_dx)
check("du2/dx, f1 and f2 as one module", gpubp.grad(chain(MODULES[:2]))(x0), forward[1])
check("dy/du2, f3 and f4 as one module", gpubp.grad(chain(MODULES[2:]))(np.asarray(u2)), dy_du2)
check("dy/du1, f2 to f4 as one module", gpubp.grad(chain(MODULES[1:]))(np.asarray(u1)), dy_du1)
slip("dy/du1 = dy/du3 du3/du3 du4/du3; right is dy/du3 du3/du2 du2/du1")
slip("dy/dx = dy/du3 du3/du2 du1/du1 du1/dx; right has du2/du1 there", dy_du2 * 2 * x0, dy_dx)
slip("y = f4(f3(f2(f1(u1)))), and a module y = f3(u2): right are f1(x) and u3 = f3(u2)")
slip(
    "y = f1(f2(f3(x))) beside modules u1 = f1(x), u2 = f2(u1), y = f3(u2); those compose to\n"
    "    f3(f2(f1(x))), and order matters:",
    gpubp.grad(chain(MODULES[2::-1]))(x0),
    gpubp.grad(chain(MODULES[:3]))(x0),
)

heading("The sigmoid in two modules: u1 = e^-x, y = 1 / (1 + u1)")
u1, decay = gpubp.vjp(lambda x: xp_of(x).exp(-x), x0)
y, inverse = gpubp.vjp(lambda u: 1 / (1 + u), u1)
(dy_du1,) = inverse(np.asarray(1.0))
(dy_dx,) = decay(dy_du1)
check("dy/du1 = -1 / (1 + e^-x)^2 = -y^2", dy_du1, -(y**2))
check("dy/dx = e^-x / (1 + e^-x)^2 = y (1 - y)", dy_dx, y * (1 - y))
slip("writes dy/du1 = y (1 - y) at the bottom; that is dy/dx", y * (1 - y), dy_du1)
