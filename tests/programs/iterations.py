"""Python loops: iterations, differential equations, recurrences, branches."""

from gpubp.testing.cases.draw import distinct, positive, reals, uniform, unit
from programs.program import Collection

programs = Collection()


@programs(positive(3))
def square_root_by_newton(xp, x):
    y = (1 + x) / 2
    for _ in range(6):
        y = (y + x / y) / 2
    return y


@programs(unit(2, 2))
def inverse_by_newton(xp, a):
    eye = xp.eye(2, dtype=a.dtype)
    a = a + 3 * eye
    inverse = eye / 3
    for _ in range(6):
        inverse = inverse @ (2 * eye - a @ inverse)
    return inverse


@programs(uniform(0.1, 0.9)(3))
def kepler_equation(xp, anomaly):
    e = anomaly
    for _ in range(5):
        e = e - (e - 0.3 * xp.sin(e) - anomaly) / (1 - 0.3 * xp.cos(e))
    return e


@programs(reals(2), unit(2, 2))
def runge_kutta(xp, y, a):
    def slope(y):
        return xp.tanh(a @ y)

    h = 0.2
    for _ in range(3):
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


@programs(reals(2), positive())
def leapfrog_pendulum(xp, state, gravity):
    q, p = state[0], state[1]
    for _ in range(4):
        p = p - 0.05 * gravity * xp.sin(q)
        q = q + 0.1 * p
        p = p - 0.05 * gravity * xp.sin(q)
    return xp.stack([q, p])


@programs(reals(5))
def heat_equation(xp, u):
    for _ in range(3):
        u = u + 0.1 * (xp.roll(u, 1) - 2 * u + xp.roll(u, -1))
    return u


@programs(uniform(3.1, 3.5)(), uniform(0.2, 0.4)())
def logistic_map(xp, rate, x):
    for _ in range(5):
        x = rate * x * (1 - x)
    return x


@programs(reals(4), unit(3))
def horner(xp, coefficients, x):
    y = coefficients[0]
    for i in range(1, 4):
        y = y * x + coefficients[i]
    return y


@programs(unit(3))
def exponential_series(xp, x):
    term = xp.ones_like(x)
    total = term
    for n in range(1, 9):
        term = term * x / n
        total = total + term
    return total


@programs(unit(2, 2))
def matrix_exponential_series(xp, a):
    term = total = xp.eye(2, dtype=a.dtype)
    for n in range(1, 8):
        term = term @ a / n
        total = total + term
    return total


@programs(positive(3, 3), reals(3))
def power_iteration(xp, a, v):
    v = xp.abs(v) + 1
    for _ in range(4):
        v = a @ v
        v = v / xp.sqrt(xp.sum(v * v))
    return v @ a @ v


@programs(reals(3), reals(3, 3))
def gradient_descent_by_hand(xp, x, a):
    m = a.T @ a / 10
    for _ in range(4):
        x = x - 0.1 * (m @ x - 1)
    return 0.5 * x @ m @ x - xp.sum(x)


@programs(distinct(4), vmap=False)
def branch_on_value(xp, x):
    total = xp.zeros((), dtype=x.dtype)
    for i in range(4):
        total = total + x[i] ** 2 if x[i] > 0 else total - 3 * x[i]
    return total


@programs(positive(), vmap=False)
def loop_until_large(xp, x):
    y, steps = x, 0
    while y < 20:
        y = y * (1 + x)
        steps += 1
    return y / steps


@programs(uniform(0.5, 1.5)(2))
def arithmetic_geometric_mean(xp, ab):
    a, b = ab[0], ab[1] + 1
    for _ in range(5):
        a, b = (a + b) / 2, xp.sqrt(a * b)
    return a


@programs(reals(3), reals(3, 3))
def conjugate_gradients(xp, b, a):
    m = a @ a.T + 2 * xp.eye(3, dtype=a.dtype)
    x = xp.zeros_like(b)
    r = p = b
    for _ in range(2):
        step = (r @ r) / (p @ m @ p)
        x = x + step * p
        rest = r - step * (m @ p)
        p = rest + (rest @ rest) / (r @ r) * p
        r = rest
    return x


@programs(uniform(0.5, 2.5)(3))
def lanczos_like_continued_fraction(xp, x):
    y = xp.zeros_like(x)
    for n in range(6, 0, -1):
        y = n / (x + y)
    return 1 / (x + y)
