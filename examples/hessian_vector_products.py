"""Hessian times vector without the Hessian, and Newton's method by conjugate gradients on it."""

import numpy as np
from _show import check, heading

import gpubp

rng = np.random.default_rng(0)
n = 30
X, truth = rng.normal(size=(200, n)), rng.normal(size=n)
signs = np.where(X @ truth + rng.normal(size=200) > 0, 1.0, -1.0)


def loss(w):
    """Logistic regression, ridge 0.1: mean ln(1 + e^(-sign x.w)) + 0.05 |w|^2."""
    xp = w.__array_namespace__()
    margins = xp.asarray(signs) * (xp.asarray(X) @ w)
    return xp.mean(xp.logaddexp(-margins, xp.zeros_like(margins))) + 0.05 * xp.sum(w**2)


heading("One product, by a tangent through the gradient")
w, v = rng.normal(size=n), rng.normal(size=n)
product = gpubp.hvp(loss, (w,), (v,))
p = 1 / (1 + np.exp(-X @ w))
hessian = X.T @ (p * (1 - p) * (X @ v)) / 200 + 0.1 * v
check("H v = X^T p (1 - p) X v / m + 0.1 v", product, hessian)
check("the Hessian itself, times v", gpubp.hessian(loss)(w) @ v, hessian)
gradient, tangent = gpubp.jvp(gpubp.grad(loss), (w,), (v,))
check("hvp is jvp of grad", tangent, product)

heading("Newton's method: solve H step = gradient by conjugate gradients")


def conjugate_gradients(product, b, steps=100, tol=1e-10):
    x, residual = np.zeros_like(b), b
    direction, size = residual, residual @ residual
    for _ in range(steps):
        if size < tol**2:
            break
        along = product(direction)
        length = size / (direction @ along)
        x, residual = x + length * direction, residual - length * along
        size, previous = residual @ residual, size
        direction = residual + (size / previous) * direction
    return x


w = np.zeros(n)
for iteration in range(8):
    # linearize the gradient once; every product then costs one pass through the linear part.
    gradient, hessian_times = gpubp.linearize(gpubp.grad(loss), w)
    norm = np.linalg.norm(gradient)
    print(f"  {iteration}   loss {float(loss(w)):.8f}   |gradient| {norm:.1e}")
    if norm < 1e-8:
        break
    w = w - conjugate_gradients(hessian_times, gradient)
assert norm < 1e-8, f"|gradient| {norm:.1e} after {iteration} iterations"
