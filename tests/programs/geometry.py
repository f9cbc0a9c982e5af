"""Distances, contractions, broadcasting."""

from gpubp.testing.cases.draw import nonzero, positive, reals, unit
from programs.program import Collection

programs = Collection()


@programs(reals(4, 2))
def squared_distance_matrix(xp, x):
    gaps = x[:, None, :] - x[None, :, :]
    return xp.sum(gaps**2, axis=-1)


@programs(reals(3, 2))
def distances_with_zero_diagonal(xp, x):
    squared = xp.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=-1)
    apart = squared > 0
    return xp.where(apart, xp.sqrt(xp.where(apart, squared, 1.0)), 0.0)


@programs(reals(3, 2), positive())
def gaussian_kernel(xp, x, width):
    norms = xp.vecdot(x, x)
    squared = norms[:, None] + norms[None, :] - 2 * x @ x.T
    return xp.exp(-squared / (2 * width**2))


@programs(reals(3), reals(3, 3))
def quadratic_form(xp, x, m):
    return x @ m @ x


@programs(reals(2, 3), reals(3, 2))
def trace_of_product(xp, a, b):
    return xp.sum(a * b.T)


@programs(reals(2, 3), reals(3, 4), reals(4, 2))
def bilinear_chain(xp, a, b, c):
    return xp.sum(a @ b @ c * xp.eye(2, dtype=a.dtype))


@programs(reals(2, 3, 4), reals(4, 3), reals(2))
def tensor_contraction(xp, t, m, v):
    return xp.tensordot(v, xp.tensordot(t, m, axes=((1, 2), (1, 0))), axes=1)


@programs(reals(2, 2), reals(2, 2))
def kronecker_product(xp, a, b):
    outer = xp.tensordot(a, b, axes=0)
    return xp.reshape(xp.permute_dims(outer, (0, 2, 1, 3)), (4, 4))


@programs(reals(3), reals(3))
def cross_product_by_rolling(xp, a, b):
    return xp.roll(a, -1) * xp.roll(b, -2) - xp.roll(a, -2) * xp.roll(b, -1)


@programs(reals(3, 3))
def determinant_by_cofactors(xp, a):
    minors = [
        a[1, (j + 1) % 3] * a[2, (j + 2) % 3] - a[1, (j + 2) % 3] * a[2, (j + 1) % 3]
        for j in range(3)
    ]
    return xp.sum(a[0, :] * xp.stack(minors))


@programs(nonzero(3))
def spherical_coordinates(xp, x):
    radius = xp.sqrt(xp.sum(x * x))
    return xp.stack([radius, xp.acos(x[2] / radius), xp.atan2(x[1], x[0])])


@programs(unit(), reals(4, 2))
def rotation(xp, angle, points):
    c, s = xp.cos(angle), xp.sin(angle)
    matrix = xp.stack([xp.stack([c, -s]), xp.stack([s, c])])
    return points @ matrix.T


@programs(reals(3), reals(2))
def grid_of_a_function(xp, x, y):
    u, v = xp.meshgrid(x, y, indexing="ij")
    return xp.sin(u) * xp.exp(-(v**2)) + u * v


@programs(reals(3, 3), reals(3, 3))
def symmetric_part_inner_product(xp, a, b):
    lower = xp.tril(a, k=-1)
    return xp.sum((lower + lower.mT) * xp.triu(b))


@programs(reals(2, 1, 3), reals(4, 1), reals())
def broadcasting_three_ways(xp, a, b, c):
    x, y, z = xp.broadcast_arrays(a, b, c)
    return xp.sum(x * y + z, axis=(0, 2)) * xp.squeeze(b, axis=1)


@programs(reals(2, 3))
def shape_gymnastics(xp, x):
    y = xp.moveaxis(xp.expand_dims(x, axis=0), 0, 2)
    z = xp.concat([y, xp.flip(y, axis=1)], axis=-1)
    return xp.reshape(xp.stack(xp.unstack(z, axis=1), axis=0), (-1,)) ** 3


@programs(positive(4), positive(3))
def sinkhorn(xp, a, b):
    cost = (xp.reshape(a, (4, 1)) - xp.reshape(b, (1, 3))) ** 2
    kernel = xp.exp(-cost)
    v = xp.ones_like(b)
    for _ in range(3):
        u = 0.25 / (kernel @ v)
        v = (1 / 3) / (u @ kernel)
    return xp.sum(u[:, None] * kernel * v * cost)


@programs(reals(3, 2), reals(2))
def hypotenuse_field(xp, points, origin):
    gap = points - origin
    return xp.sum(xp.log(xp.hypot(gap[:, 0], gap[:, 1] + 5.0)))
