"""Gathering, scattering and assignment."""

from gpubp.testing.cases.draw import distinct, fixed, integers, reals
from programs.program import Collection

programs = Collection()
NO_FANCY_ASSIGNMENT = ("strict", "strict-device1")


def _fibonacci_jax(xp, x):
    rows = [x[0], x[1]]
    for _ in range(2, 5):
        rows.append(rows[-1] * rows[-2] + 0.5)
    return xp.stack(rows)


@programs(reals(2), jax=_fibonacci_jax)
def recurrence_by_assignment(xp, x):
    out = xp.zeros((5,), dtype=x.dtype)
    out[:2] = x
    for i in range(2, 5):
        out[i] = out[i - 1] * out[i - 2] + 0.5
    return out


def _cumulative_jax(xp, x):
    return xp.cumulative_sum(x**2)


@programs(reals(4), jax=_cumulative_jax)
def cumulative_sum_in_place(xp, x):
    y = x**2
    for i in range(1, 4):
        y[i] += y[i - 1]
    return y


def _boundary_jax(xp, u, left):
    u = u.at[0].set(left).at[-1].set(0.0)
    return u.at[1:-1].set((u[:-2] + u[2:]) / 2)


@programs(reals(5), reals(), jax=_boundary_jax)
def boundary_conditions(xp, u, left):
    u = xp.asarray(u, copy=True)
    u[0] = left
    u[-1] = 0.0
    u[1:-1] = (u[:-2] + u[2:]) / 2
    return u


@programs(distinct(5), jax=lambda xp, x: xp.where(x < 0, 0.25, x) ** 2)
def masked_assignment(xp, x):
    y = xp.asarray(x, copy=True)
    y[y < 0] = 0.25
    return y**2


def _cholesky_jax(xp, a):
    return xp.linalg.cholesky(a @ a.T + 3 * xp.eye(3))


@programs(reals(3, 3), jax=_cholesky_jax)
def cholesky_by_assignment(xp, a):
    m = a @ a.T + 3 * xp.eye(3, dtype=a.dtype)
    factor = xp.zeros((3, 3), dtype=a.dtype)
    for j in range(3):
        factor[j, j] = xp.sqrt(m[j, j] - xp.sum(factor[j, :j] ** 2))
        for i in range(j + 1, 3):
            factor[i, j] = (m[i, j] - xp.sum(factor[i, :j] * factor[j, :j])) / factor[j, j]
    return factor


def _substitution_jax(xp, a, b):
    return xp.linalg.solve(xp.tril(a, k=-1) + 2 * xp.eye(3), b)


@programs(reals(3, 3), reals(3), jax=_substitution_jax)
def forward_substitution(xp, a, b):
    x = xp.zeros_like(b)
    for i in range(3):
        x[i] = (b[i] - a[i, :i] @ x[:i]) / 2
    return x


def _scatter_jax(xp, x, v):
    return x.at[xp.asarray([2, 0])].set(v) ** 2


@programs(reals(4), reals(2), jax=_scatter_jax, lacking=NO_FANCY_ASSIGNMENT)
def scattered(xp, x, v):
    y = xp.asarray(x, copy=True)
    y[xp.asarray([2, 0])] = v
    return y**2


@programs(reals(4, 3), integers(5, low=0, high=4), integers(5, low=0, high=3))
def gathered_pairs(xp, x, i, j):
    return x[i, j] ** 2 * x[i, 0]


@programs(reals(4), fixed([3, 1, 1, 0, -1]))
def gathered_twice_the_same(xp, x, i):
    return xp.cumulative_sum(x[i] * x[i])


def _block_jax(xp, a, b):
    return xp.concat([xp.concat([a, b], axis=1), xp.concat([b.T, a @ a], axis=1)])


@programs(reals(2, 2), reals(2, 2), jax=_block_jax)
def block_matrix(xp, a, b):
    out = xp.zeros((4, 4), dtype=a.dtype)
    out[:2, :2] = a
    out[:2, 2:] = b
    out[2:, :2] = b.T
    out[2:, 2:] = a @ a
    return out


def _view_jax(xp, x):
    return (x.at[1, :].multiply(3.0)).at[1, 0].add(x[0, 0]) ** 2


@programs(reals(3, 2), jax=_view_jax)
def row_view_written(xp, x):
    y = xp.asarray(x, copy=True)
    row = y[1, :]
    row *= 3.0
    row[0] = row[0] + y[0, 0]
    return y**2


def _sieve_jax(xp, x):
    return x.at[::2].set(xp.sin(x[::2])).at[1::2].multiply(2.0)


@programs(reals(5), jax=_sieve_jax)
def every_other_element(xp, x):
    y = xp.asarray(x, copy=True)
    y[::2] = xp.sin(y[::2])
    y[1::2] *= 2.0
    return y
