"""Means, norms and normalisations."""

from gpubp.testing.cases.draw import bools, distinct, nonzero, positive, reals
from programs.program import Collection

programs = Collection()


@programs(reals(2, 4))
def logsumexp(xp, x):
    top = xp.max(x, axis=-1, keepdims=True)
    return xp.squeeze(top, axis=-1) + xp.log(xp.sum(xp.exp(x - top), axis=-1))


@programs(reals(2, 4))
def softmax(xp, x):
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


@programs(reals(3, 4))
def log_softmax_by_columns(xp, x):
    shifted = x - xp.max(x, axis=0)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=0))


@programs(positive(2, 3))
def geometric_mean(xp, x):
    return xp.exp(xp.mean(xp.log(x), axis=-1))


@programs(positive(4))
def harmonic_mean(xp, x):
    return x.shape[0] / xp.sum(1 / x)


@programs(reals(3, 4), bools(3, 4))
def masked_mean(xp, x, mask):
    weight = xp.astype(mask, x.dtype)
    return xp.sum(xp.where(mask, x, 0.0), axis=1) / (xp.sum(weight, axis=1) + 1e-6)


@programs(reals(3, 2))
def standardised(xp, x):
    return (x - xp.mean(x, axis=0)) / xp.std(x, axis=0, correction=1)


@programs(nonzero(3), positive())
def p_norm(xp, x, p):
    return xp.sum(xp.abs(x) ** p) ** (1 / p)


@programs(reals(2, 3), reals(2, 3))
def cosine_similarity(xp, x, y):
    lengths = xp.sqrt(xp.vecdot(x, x) * xp.vecdot(y, y))
    return xp.vecdot(x, y) / lengths


@programs(reals(4, 3))
def covariance_matrix(xp, x):
    centred = x - xp.mean(x, axis=0, keepdims=True)
    return centred.T @ centred / (x.shape[0] - 1)


@programs(distinct(5))
def range_over_median(xp, x):
    ordered = xp.sort(x)
    return (xp.max(x) - xp.min(x)) / (3.0 + ordered[2])


@programs(nonzero(5))
def product_of_all_others(xp, x):
    return xp.prod(x) / x


@programs(reals(4))
def weighted_mean_by_own_softmax(xp, x):
    weights = xp.exp(x) / xp.sum(xp.exp(x))
    return xp.sum(weights * x)


@programs(reals(2, 3, 2))
def nested_reductions(xp, x):
    return xp.var(xp.sum(x**2, axis=(0, 2)), correction=1) + xp.max(xp.mean(x, axis=1))
