"""Probability: densities, likelihoods, physics in closed form."""

from gpubp.testing.cases.draw import bools, integers, nonzero, positive, reals, unit
from programs.program import Collection

programs = Collection()


@programs(reals(4), reals(), positive())
def normal_log_likelihood(xp, x, mean, scale):
    z = (x - mean) / scale
    return -xp.sum(0.5 * z**2 + xp.log(scale) + 0.5 * xp.log(xp.asarray(2 * xp.pi, dtype=x.dtype)))


@programs(reals(4), reals(3), reals(3))
def mixture_log_likelihood(xp, x, means, logits):
    parts = -0.5 * (x[:, None] - means) ** 2 + logits
    top = xp.max(parts, axis=1, keepdims=True)
    each = xp.squeeze(top, axis=1) + xp.log(xp.sum(xp.exp(parts - top), axis=1))
    return xp.sum(each) - 4 * xp.log(xp.sum(xp.exp(logits)))


@programs(reals(4, 2), reals(2), bools(4))
def logistic_regression(xp, x, w, y):
    margin = (2.0 * xp.astype(y, x.dtype) - 1.0) * (x @ w)
    return xp.mean(xp.log1p(xp.exp(-margin))) + 0.01 * w @ w


@programs(reals(4, 2), reals(2), integers(4, low=0, high=5))
def poisson_regression(xp, x, w, counts):
    rate = xp.exp(x @ w)
    return xp.sum(rate - xp.astype(counts, x.dtype) * xp.log(rate))


@programs(positive(3), positive(3))
def kullback_leibler(xp, p, q):
    p, q = p / xp.sum(p), q / xp.sum(q)
    return xp.sum(p * (xp.log(p) - xp.log(q)))


@programs(unit(4))
def entropy_of_bernoulli(xp, x):
    p = (1 + x) / 2
    return -(p * xp.log2(p) + (1 - p) * xp.log2(1 - p))


@programs(unit(3), reals(3))
def tanh_flow(xp, scale, x):
    y = x + scale * xp.tanh(x)
    return xp.sum(y**2) - xp.sum(xp.log1p(scale * (1 - xp.tanh(x) ** 2)))


@programs(nonzero(4))
def student_and_cauchy(xp, x):
    return xp.sum(-2 * xp.log1p(x**2 / 3)) + xp.sum(xp.atan(x)) / xp.pi


@programs(positive(4, 2))
def lennard_jones(xp, x):
    gaps = x[:, None, :] - x[None, :, :]
    squared = xp.sum(gaps**2, axis=-1) + 10 * xp.eye(4, dtype=x.dtype) + 0.5
    return xp.sum(xp.triu(squared**-6 - squared**-3, k=1))


@programs(positive(3), unit(3))
def hyperbolic_identities(xp, x, y):
    return xp.asinh(xp.sinh(x)) + xp.acosh(xp.cosh(x)) * xp.atanh(xp.tanh(y)) + xp.expm1(x * y)


@programs(unit(3))
def inverse_trigonometry(xp, x):
    return xp.asin(x) * xp.acos(x) + xp.atan(xp.tan(x)) ** 2 + xp.log10(2 + xp.sin(x) * xp.cos(x))


@programs(positive(3), reals(3))
def powers(xp, base, exponent):
    return base**exponent + 2.0**exponent + base**-0.5 + exponent**3


@programs(reals(4), reals(4))
def stable_logaddexp(xp, a, b):
    return xp.sum(xp.logaddexp(a, 3 * b) - xp.maximum(a, 3 * b + 0.01))
