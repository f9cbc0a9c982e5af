"""Complex numbers inside, holomorphic or not."""

import functools

from gpubp.testing.cases.draw import integers, nonzero, positive, reals, unit
from programs.program import Collection

programs = Collection()
complex_programs = functools.partial(programs, dtype="complex128")


@complex_programs(reals(3), reals(3))
def complex_product_energy(xp, z, w):
    return xp.sum(xp.abs(z * w + 3) ** 2)


@complex_programs(reals(3), unit())
def complex_polynomial(xp, c, z):
    return c[0] + c[1] * z + c[2] * z**2


@complex_programs(nonzero(4))
def phase_and_modulus(xp, z):
    return xp.abs(z) * xp.atan2(xp.imag(z), xp.real(z))


@complex_programs(unit(3))
def mobius_map(xp, z):
    return (2 * z + 1) / (z - 3j)


@complex_programs(reals(2, 3), reals(3))
def hermitian_inner_product(xp, a, x):
    y = a @ x
    return xp.real(xp.sum(xp.conj(y) * y)) + xp.imag(xp.sum(y))


@complex_programs(reals(2), reals(2))
def conjugating_vecdot(xp, x, y):
    return xp.vecdot(x, y)


@complex_programs(unit(4))
def complex_exponentials(xp, z):
    return xp.exp(1j * z) + xp.sinh(z) * xp.cos(z)


@complex_programs(positive(3))
def roots_and_logarithms(xp, z):
    return xp.sqrt(z) * xp.log(z) + xp.log1p(z) / xp.sqrt(z + 1)


@programs(reals(4))
def fourier_sum_of_reals(xp, x):
    n = xp.arange(4, dtype=xp.float64)
    phases = xp.exp(-2j * xp.pi * n[:, None] * n / 4)
    spectrum = phases @ xp.astype(x, xp.complex128)
    return xp.abs(spectrum - 5) ** 2


@programs(reals(3), reals(3))
def complex_from_parts(xp, a, b):
    z = xp.astype(a, xp.complex128) + 1j * b
    return xp.real(z**2) + xp.imag(xp.exp(z))


@complex_programs(unit(3))
def mandelbrot_steps(xp, c):
    z = xp.zeros_like(c)
    for _ in range(4):
        z = z * z + c
    return z


@complex_programs(reals(2, 2), integers(2, low=0, high=2))
def complex_gather(xp, z, i):
    return xp.cumulative_prod(xp.take(z, i, axis=0), axis=0) - xp.sum(z, axis=0)


@complex_programs(nonzero(3))
def complex_sign_and_where(xp, z):
    return xp.where(xp.real(z) > 0, z / xp.abs(z), xp.conj(z) * 2)
