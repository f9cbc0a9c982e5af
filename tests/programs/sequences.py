"""Running sums, moving windows, time series."""

from gpubp.testing.cases.draw import distinct, nonzero, positive, reals, unit
from programs.program import Collection

programs = Collection()


@programs(reals(6))
def moving_average(xp, x):
    total = xp.cumulative_sum(x, include_initial=True)
    return (total[3:] - total[:-3]) / 3


@programs(nonzero(4))
def cumulative_product_over_sum(xp, x):
    return xp.cumulative_prod(x) / (1 + xp.cumulative_sum(x**2))


@programs(distinct(5))
def running_maximum(xp, x):
    best = x[0]
    out = [best]
    for i in range(1, 5):
        best = xp.maximum(best, x[i])
        out.append(best)
    return xp.stack(out)


@programs(reals(5), unit())
def exponential_smoothing(xp, x, logit):
    alpha = 1 / (1 + xp.exp(-logit))
    level = x[0]
    out = []
    for i in range(1, 5):
        level = alpha * x[i] + (1 - alpha) * level
        out.append(level)
    return xp.stack(out)


@programs(positive(5))
def drawdown_of_log_returns(xp, prices):
    returns = xp.diff(xp.log(prices))
    return xp.std(returns) + xp.sum(xp.cumulative_sum(returns) ** 2)


@programs(reals(6))
def autocorrelation(xp, x):
    x = x - xp.mean(x)
    return xp.stack([xp.sum(x[k:] * x[: 6 - k]) for k in range(4)]) / xp.sum(x * x)


@programs(reals(5), reals(3))
def full_convolution(xp, x, y):
    nothing = xp.zeros((2,), dtype=x.dtype)
    padded = xp.concat([nothing, x, nothing])
    back = xp.flip(y)
    return xp.stack([xp.sum(padded[i : i + 3] * back) for i in range(7)])


@programs(reals(2, 5))
def total_variation(xp, x):
    return xp.sum(xp.sqrt(xp.diff(x, axis=1) ** 2 + 0.1)) + xp.sum(xp.diff(x, axis=0, n=1) ** 2)


@programs(positive(4))
def survival_curve(xp, hazard):
    rate = hazard / 5
    survival = xp.cumulative_prod(1 - rate)
    before = xp.concat([xp.ones((1,), dtype=hazard.dtype), survival[:-1]])
    return xp.sum(before * rate * xp.arange(1, 5, dtype=hazard.dtype))


@programs(reals(4, 3), reals(3, 3))
def hidden_markov_forward(xp, emission, transition):
    step = transition - xp.log(xp.sum(xp.exp(transition), axis=1, keepdims=True))
    alpha = emission[0, :]
    for t in range(1, 4):
        scores = alpha[:, None] + step
        top = xp.max(scores, axis=0)
        alpha = emission[t, :] + top + xp.log(xp.sum(xp.exp(scores - top), axis=0))
    top = xp.max(alpha)
    return top + xp.log(xp.sum(xp.exp(alpha - top)))


@programs(reals(6))
def trapezoid_and_simpson(xp, y):
    t = xp.linspace(0.0, 1.0, 6, dtype=y.dtype)
    trapezoid = xp.sum((y[1:] + y[:-1]) / 2 * (t[1:] - t[:-1]))
    return xp.stack([trapezoid, (y[0] + 4 * y[1] + y[2]) / 15])


@programs(reals(4, 2))
def repeated_and_tiled(xp, x):
    up = xp.repeat(x, 2, axis=0)
    return xp.tile(xp.sum(up * xp.roll(up, 1, axis=0), axis=1), (2,)) ** 2
