"""Your own derivative for a function: custom_vjp and custom_jvp."""

import numpy as np
from _show import check, heading

import gpubp

heading("custom_jvp: state a derivative as one formula, here of ln(1 + e^x)")


@gpubp.custom_jvp
def softplus(x):
    xp = x.__array_namespace__()
    return xp.maximum(x, xp.zeros_like(x)) + xp.log1p(xp.exp(-xp.abs(x)))  # never overflows


@softplus.defjvp
def softplus_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    xp = x.__array_namespace__()
    return softplus(x), dx / (1 + xp.exp(-x))  # no maximum, no abs, no join at 0


x = np.asarray([-30.0, 0.0, 3.0, 800.0])
y, slope = gpubp.jvp(softplus, (x,), (np.ones(4),))
check("ln(1 + e^x), no overflow at 800", y, np.logaddexp(0, x))
check("its derivative 1 / (1 + e^-x)", slope, 1 / (1 + np.exp(-x)))
y, pullback = gpubp.vjp(softplus, x)
check("reverse mode uses the same rule", pullback(np.ones(4))[0], slope)
point = np.asarray(0.5)
s = 1 / (1 + np.exp(-point))
check("and it can be differentiated again", gpubp.grad(gpubp.grad(softplus))(point), s * (1 - s))

heading("custom_vjp: change what comes back, here clip a cotangent to [-1, 1]")


@gpubp.custom_vjp
def clip_cotangent(x):
    return x


def forward(x):
    return x, None  # the result, and what the backward rule will need


def backward(_, ct):
    xp = ct.__array_namespace__()
    return (xp.clip(ct, -1.0, 1.0),)


clip_cotangent.defvjp(forward, backward)


def f(x):
    xp = x.__array_namespace__()
    return xp.sum(clip_cotangent(x) ** 3)


x = np.asarray([0.1, 0.5, 2.0])
check("d/dx sum(x^3), clipped", gpubp.grad(f)(x), np.clip(3 * x**2, -1, 1))
batch = np.stack([x, -2 * x])
check("under vmap", gpubp.vmap(gpubp.grad(f))(batch), np.clip(3 * batch**2, -1, 1))

heading("custom_vjp: differentiate what no rule covers, here a solver's fixed point")


@gpubp.custom_vjp
def sqrt_by_newton(a):
    x = 1 + 0 * a
    for _ in range(30):
        x = (x + a / x) / 2
    return x


def newton_forward(a):
    x = sqrt_by_newton(a)
    return x, x


def newton_backward(x, ct):
    return (ct / (2 * x),)  # from x^2 = a: 2 x dx = da; none of the 30 steps is kept


sqrt_by_newton.defvjp(newton_forward, newton_backward)
a = np.asarray(7.0)
check("d sqrt(a) / da = 1 / (2 sqrt(a))", gpubp.grad(sqrt_by_newton)(a), 1 / (2 * np.sqrt(7)))
