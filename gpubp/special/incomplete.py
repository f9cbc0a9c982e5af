"""Incomplete gamma and beta functions and their inverses.

No closed form gives their derivatives by ``a`` and ``b``: those are integrals (see
``quadrature.py``), as plain code whose own derivatives are the higher ones.
"""

from __future__ import annotations

from typing import Any

from gpubp.core.registry import FUNCTIONS
from gpubp.rules.elementwise import exp, log, log1p, maximum, minimum, multiply_no_nan, sqrt, where
from gpubp.special.gammas import betaln, gammaln, psi
from gpubp.special.information import xlog1py, xlogy
from gpubp.special.quadrature import half_line
from gpubp.special.row import Special

# fmt: off
betainc = Special(
    "betainc",
    lambda t, a, b, x: t * beta_by_a(a, b, x, 1 - x),
    lambda t, a, b, x: -t * beta_by_a(b, a, 1 - x, x),
    lambda t, a, b, x: multiply_no_nan(t, exp(_log_beta_density(a, b, x))),
    arguments="abx")
betaincc = Special(
    "betaincc",
    lambda t, a, b, x: -t * beta_by_a(a, b, x, 1 - x),
    lambda t, a, b, x: t * beta_by_a(b, a, 1 - x, x),
    lambda t, a, b, x: multiply_no_nan(t, -exp(_log_beta_density(a, b, x))),
    arguments="abx")
betaincinv = Special(
    "betaincinv",
    lambda t, a, b, y: -_over_beta_density(t * beta_by_a(a, b, y, 1 - y), a, b, y),
    lambda t, a, b, y: _over_beta_density(t * beta_by_a(b, a, 1 - y, y), a, b, y),
    lambda t, a, b, y: _over_beta_density(t, a, b, y),
    arguments="abp")
betainccinv = Special(
    "betainccinv",
    lambda t, a, b, y: -_over_beta_density(t * beta_by_a(a, b, y, 1 - y), a, b, y),
    lambda t, a, b, y: _over_beta_density(t * beta_by_a(b, a, 1 - y, y), a, b, y),
    lambda t, a, b, y: -_over_beta_density(t, a, b, y),
    arguments="abp")
gammainc = Special(
    "gammainc",
    lambda t, a, b: t * _gamma_by_a(a, b),
    lambda t, a, b: multiply_no_nan(t, exp(_log_gamma_density(a, b))))
gammaincc = Special(
    "gammaincc",
    lambda t, a, b: -t * _gamma_by_a(a, b),
    lambda t, a, b: multiply_no_nan(t, -exp(_log_gamma_density(a, b))))
gammaincinv = Special(
    "gammaincinv",
    lambda t, a, y: -_over_gamma_density(t * _gamma_by_a(a, y), a, y),
    lambda t, a, y: _over_gamma_density(t, a, y))
gammainccinv = Special(
    "gammainccinv",
    lambda t, a, y: -_over_gamma_density(t * _gamma_by_a(a, y), a, y),
    lambda t, a, y: -_over_gamma_density(t, a, y))
# fmt: on


def _log_gamma_density(a: Any, x: Any) -> Any:
    return xlogy(a - 1, x) - x - gammaln(a)


def _over_gamma_density(t: Any, a: Any, x: Any) -> Any:
    return multiply_no_nan(t, exp(-_log_gamma_density(a, x)))


def _log_beta_density(a: Any, b: Any, x: Any) -> Any:
    return xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)


def _over_beta_density(t: Any, a: Any, b: Any, x: Any) -> Any:
    return multiply_no_nan(t, exp(-_log_beta_density(a, b, x)))


def _last(x: Any) -> Any:
    return FUNCTIONS["expand_dims"](x, axis=-1)


def _gamma_by_a(a: Any, x: Any) -> Any:
    """d gammainc(a, x) / da: the mean of log(u) - psi(a) over u < x, or minus that over u > x.

    The two are equal; with u = x exp(-s) or x exp(s) the smaller part is taken, whose integrand
    does not cancel.
    """
    inside = (x > 0) & (x < 1e300)
    x = where(inside, x, 1.0)
    below = x < a
    side = where(below, -1.0, x * 0 + 1.0)
    mean, log_x, log_gamma = _last(psi(a)), _last(log(x)), _last(gammaln(a))
    a_, x_, side_ = _last(a), _last(x), _last(side)

    def density(s: Any) -> Any:
        log_u = log_x + side_ * s
        return exp(a_ * log_u - x_ * exp(side_ * s) - log_gamma) * (log_u - mean)

    root = sqrt(x)
    reach = where(below, (45.0 + x) / a, minimum(10.0 / root, log1p(80.0 / x) + 0.5))
    scale = minimum(1.0 / (1.0 + root + side * (x - a)), 0.1 * reach)
    return where(inside, -side * half_line(density, scale, reach), 0.0)


def beta_by_a(a: Any, b: Any, x: Any, complement: Any) -> Any:
    """d betainc(a, b, x) / da, where ``complement`` is 1 - x.

    The mean of log(u) - psi(a) + psi(a + b) over u < x, or minus that over u > x: on the side of
    the distribution's mean where ``x`` lies.
    """
    inside = (x > 0) & (complement > 0)
    x, complement = where(inside, x, 0.5), where(inside, complement, 0.5)
    below = x * b < complement * a
    p, q = where(below, a, b), where(below, b, a)
    z = where(below, x, complement)
    log_z = _last(log(z))
    log_beta, mean = _last(betaln(a, b)), _last(psi(a) - psi(a + b))
    p_, q_, z_, below_ = _last(p), _last(q), _last(z), _last(below)

    def density(s: Any) -> Any:  # u = z exp(-s), from whichever end is nearer
        log_u = log_z - s
        log_rest = log1p(-z_ * exp(-s))
        weight = where(below_, log_u, log_rest) - mean
        return exp(p_ * log_u + (q_ - 1) * log_rest - log_beta) * weight

    reach = (45.0 - maximum(q - 1, 0.0) * log1p(-z)) / p
    scale = minimum(1.0 / (1.0 + p), 0.1 * reach)
    integral = half_line(density, scale, reach)
    return where(inside, where(below, integral, -integral), 0.0)
