"""Sorting, searching, choosing, masking."""

from gpubp.testing.cases.draw import distinct, fixed, integers, reals, uniform
from programs.program import Collection

programs = Collection()


@programs(distinct(6), reals(6))
def ranking_loss(xp, scores, gains):
    order = xp.argsort(scores, descending=True)
    discount = 1 / xp.log(xp.arange(2, 8, dtype=scores.dtype))
    return xp.sum(xp.take(gains, order) * scores * discount)


@programs(distinct(6))
def trimmed_mean(xp, x):
    return xp.mean(xp.sort(x)[1:-1] ** 2)


@programs(distinct(5))
def soft_quantile(xp, x):
    ordered = xp.sort(x)
    return 0.25 * ordered[1] + 0.75 * ordered[2] * ordered[3]


@programs(distinct(5), distinct(5))
def wasserstein_1d(xp, x, y):
    return xp.sum((xp.sort(x) - 1.7 * xp.sort(y)) ** 2)


@programs(fixed([0.0, 0.5, 1.0, 1.5, 2.0]), reals(5), uniform(0.05, 1.95)(3))
def linear_interpolation(xp, knots, values, x):
    i = xp.searchsorted(knots, x) - 1
    left, right = xp.take(knots, i), xp.take(knots, i + 1)
    w = (x - left) / (right - left)
    return (1 - w) * xp.take(values, i) + w * xp.take(values, i + 1)


@programs(distinct(3, 4))
def selected_by_argmax(xp, x):
    best = xp.argmax(x, axis=1, keepdims=True)
    return xp.take_along_axis(x**2, best, axis=1)


@programs(distinct(6))
def smallest_three_by_argsort(xp, x):
    return xp.sum(xp.exp(x[xp.argsort(x)[:3]]))


@programs(distinct(6), vmap=False)
def sum_of_positives_by_mask(xp, x):
    return xp.sum(x[x > 0] ** 2)


@programs(distinct(5))
def safe_log(xp, x):
    positive = x > 0
    return xp.where(positive, xp.log(xp.where(positive, x, 1.0)), 0.5 * x)


@programs(distinct(6))
def soft_threshold(xp, x):
    return xp.sign(x) * xp.maximum(xp.abs(x) - 0.05, xp.zeros_like(x))


@programs(distinct(5))
def clipped_and_folded(xp, x):
    y = xp.clip(3 * x, -1.01, 1.03)
    return y * xp.remainder(x, xp.full_like(x, 5.0)) + xp.floor(x) * x


@programs(reals(4, 2), integers(4, low=0, high=3))
def one_hot_class_means(xp, x, labels):
    one_hot = xp.astype(labels[:, None] == xp.arange(3), x.dtype)
    return one_hot.T @ x / (xp.sum(one_hot, axis=0)[:, None] + 0.5)


@programs(distinct(4), distinct(4))
def pairwise_order_loss(xp, x, y):
    gap = x[:, None] - x[None, :]
    wrong = (y[:, None] - y[None, :]) * gap < 0
    return xp.sum(xp.where(wrong, xp.abs(gap), gap**2))


@programs(distinct(2, 5))
def top_two_margin(xp, x):
    ordered = xp.sort(x, axis=-1, descending=True)
    return xp.mean(1 / (1 + ordered[:, 0] - ordered[:, 1]))


@programs(distinct(6), fixed([-0.9, 0.05, 1.1]))
def soft_histogram(xp, x, centres):
    return xp.sum(xp.exp(-((x[:, None] - centres) ** 2) * 4), axis=0)
