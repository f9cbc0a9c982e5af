"""The functions of `scipy.special`, section by section as they stand in `gpubp/special`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from gpubp.testing.cases.draw import (
    Draw,
    above_one,
    fixed,
    integers,
    nonzero,
    off_integers,
    positive,
    reals,
    uniform,
    unit,
)
from gpubp.testing.cases.row import Row, case, row

# Other libraries have no namespace of this name: their own results are no measure here.
FILLED = ("strict", "strict-device1", "torch", "cupy")
FLOATS = (np.float32, np.float64)
probability = uniform(0.1, 0.9)


def namespace(xp: Any) -> Any:
    """The special functions of traced arrays; SciPy's beside NumPy's own namespace."""
    return xp.special if hasattr(xp, "special") else importlib.import_module("scipy.special")


def of(name: str) -> Callable[..., Any]:
    """The traced namespace's function; SciPy's where there is none (NumPy's own)."""

    def call(xp: Any, *args: Any) -> Any:
        y = getattr(namespace(xp), name)(*args)
        if isinstance(y, np.generic | np.ndarray):  # SciPy's counts make float64 of the rest
            y = y.astype(next(x.dtype for x in args if getattr(x, "dtype", None) in FLOATS))
        return y

    return call


def function(name: str, *domains: Callable[..., Draw], **flags: Any) -> Row:
    """An elementwise function of as many arguments as there are domains."""
    cases = [
        case("matrix", of(name), *[domain(2, 3) for domain in domains]),
        case("0-d", of(name), *[domain() for domain in domains]),
        case("empty", of(name), *[domain(0, 2) for domain in domains]),
    ]
    if len(domains) > 1:
        shapes = [(3,), (2, 1), ()]
        cases.append(
            case("broadcast", of(name), *[d(*s) for d, s in zip(domains, shapes, strict=False)])
        )
    return row(f"special.{name}", *cases, **{"filled": FILLED, **flags})


def ordered(name: str, *orders: float, domain: Callable[..., Draw] = positive) -> Row:
    """A function of a constant order and of an array."""

    def at(n: float) -> Callable[..., Any]:
        return lambda xp, x: of(name)(xp, n, x)

    cases = [case(f"order {n}", at(n), domain(2, 3)) for n in orders]
    whole = [
        case("orders", lambda xp, x: of(name)(xp, xp.astype(xp.floor(x), x.dtype), x), domain(3))
    ]
    return row(f"special.{name}", *cases, *whole, filled=FILLED)


def reduction(name: str, *extra: Any, **flags: Any) -> Row:
    def along(axis: Any) -> Callable[..., Any]:
        def call(xp: Any, x: Any) -> Any:
            return getattr(namespace(xp), name)(x, axis=axis)

        return call

    return row(
        f"special.{name}",
        case("last axis", along(-1), reals(2, 3)),
        case("both axes", along((0, 1)), reals(2, 3)),
        case("all", along(None), reals(4)),
        *extra,
        filled=FILLED,
        numpy_function=False,  # SciPy's own, which NumPy's arrays know nothing of
        **flags,
    )


PLAIN: dict[str, Any] = {"numpy_function": False}  # in SciPy no universal function

ERROR = [
    function("erf", reals),
    function("erfc", reals),
    function("erfcinv", uniform(0.2, 1.8)),
    row(
        "special.erfcx",
        case("matrix", of("erfcx"), reals(2, 3)),
        case("far", of("erfcx"), fixed([15.0, 19.0, 21.0, 30.0])),
        filled=FILLED,
    ),
    function("erfinv", unit),
    row(
        "special.log_ndtr",
        case("matrix", of("log_ndtr"), reals(2, 3)),
        case("far", of("log_ndtr"), fixed([-20.0, -8.0, 7.0, 40.0])),
        filled=FILLED,
    ),
    function("ndtr", reals),
    function("ndtri", probability),
]
LOGISTIC = [
    function("expit", reals),
    function("log_expit", reals),
    function("logit", probability),
    reduction(
        "logsumexp",
        case(
            "weights",
            lambda xp, x, b: namespace(xp).logsumexp(x, axis=0, b=b),
            reals(2, 3),
            positive(3),
        ),
        case(
            "kept",
            lambda xp, x: namespace(xp).logsumexp(x, 1, keepdims=True),
            reals(2, 3),
        ),
        complex=True,
    ),
    reduction("softmax"),
    reduction("log_softmax"),
]
GAMMA = [
    function("beta", positive, positive, emulated=False),
    function("betaln", positive, positive, emulated=False),
    function("binom", uniform(4.0, 6.0), uniform(0.5, 3.5), emulated=False),
    function("digamma", off_integers, emulated=False),
    function("gamma", off_integers, emulated=False),
    function("gammaln", off_integers, emulated=False),
    function("gammasgn", off_integers),
    function("loggamma", positive, emulated=False),
    row(
        "special.multigammaln",
        case("of 1", lambda xp, x: of("multigammaln")(xp, x, 1), above_one(3)),
        case("of 3", lambda xp, x: of("multigammaln")(xp, x, 3), above_one(2, 3)),
        emulated=False,
        filled=FILLED,
        **PLAIN,
    ),
    function("poch", positive, positive, emulated=False),
    row(
        "special.polygamma",
        case("order 0", lambda xp, x: of("polygamma")(xp, 0, x), positive(3)),
        case("order 1", lambda xp, x: of("polygamma")(xp, 1, x), positive(2, 3)),
        case("order 2, negative", lambda xp, x: of("polygamma")(xp, 2, x), fixed([-0.7, -1.4])),
        case("orders", of("polygamma"), fixed([0, 1, 3]), positive(2, 3), vmap=False),
        emulated=False,
        filled=FILLED,
        **PLAIN,
    ),
    function("psi", off_integers, emulated=False),
    row(
        "special.rgamma",
        case("matrix", of("rgamma"), off_integers(2, 3)),
        case("poles of gamma", of("rgamma"), fixed([0.0, -1.0, -2.0])),
        emulated=False,
        filled=FILLED,
    ),
    row(
        "special.zeta",
        case("Riemann's", of("zeta"), above_one(3)),
        case("Hurwitz's", of("zeta"), above_one(3, 1), positive(2)),
        case("negative q", lambda xp, q: of("zeta")(xp, 3.0, q), fixed([-0.7, -1.4])),
        emulated=False,
        filled=FILLED,
        **PLAIN,
    ),
    function("zetac", above_one, emulated=False),
]
INCOMPLETE = [
    function("betainc", positive, positive, probability, emulated=False),
    function("betaincc", positive, positive, probability, emulated=False),
    function("betainccinv", positive, positive, probability, emulated=False),
    function("betaincinv", positive, positive, probability, emulated=False),
    function("gammainc", positive, positive, emulated=False),
    function("gammaincc", positive, positive, emulated=False),
    function("gammainccinv", positive, probability, emulated=False),
    function("gammaincinv", positive, probability, emulated=False),
]
BESSEL = [
    function("i0", reals),
    function("i0e", nonzero),
    row(
        "special.i1",
        case("matrix", of("i1"), uniform(-4.0, 4.0)(2, 3)),
        case("at 0", of("i1"), fixed([0.0])),
        filled=FILLED,
    ),
    function("i1e", nonzero),
    ordered("iv", 0, 1, 2.5),
    ordered("ive", 1, 2.5),
    function("j0", reals),
    row(
        "special.j1",
        case("matrix", of("j1"), uniform(-4.0, 4.0)(2, 3)),
        case("at 0", of("j1"), fixed([0.0])),
        filled=FILLED,
    ),
    ordered("jv", 0, 1, 2.5),
    function("k0", positive),
    function("k0e", positive),
    function("k1", positive),
    function("k1e", positive),
    ordered("kv", 0, 2.5),
    ordered("kve", 1),
    function("y0", positive),
    function("y1", positive),
    ordered("yn", 0, 1, 3),
    ordered("yv", 1, 2.5),
]
INFORMATION = [
    function("entr", positive),
    row(
        "special.huber",
        case("inside", of("huber"), uniform(1.0, 2.0)(2, 3), unit(2, 3)),
        case("outside", of("huber"), uniform(0.1, 0.3)(2, 1), nonzero(3)),
        case("scalar", lambda xp, x: of("huber")(xp, 1.0, x), fixed([-1.5, 0.5, 3.0])),
        filled=FILLED,
    ),
    function("kl_div", positive, positive),
    function("pseudo_huber", positive, reals),
    function("rel_entr", positive, positive),
    function("xlog1py", reals, positive),
    row(
        "special.xlogy",
        case("matrix", of("xlogy"), reals(2, 3), positive(2, 3)),
        case("broadcast", of("xlogy"), reals(2, 1), positive(3)),
        case("scalar left", lambda xp, x: of("xlogy")(xp, 1.5, x), positive(3)),
        case("scalar right", lambda xp, x: of("xlogy")(xp, x, 1.5), reals(3)),
        filled=FILLED,
    ),
]
ELEMENTARY = [
    function("boxcox", positive, nonzero),
    function("boxcox1p", positive, nonzero),
    function("cbrt", nonzero),
    function("cosdg", uniform(-80.0, 80.0)),
    function("cosm1", reals),
    function("cotdg", uniform(10.0, 80.0)),
    function("exp10", reals),
    function("exp2", reals),
    row(
        "special.exprel",
        case("matrix", of("exprel"), uniform(-3.0, 3.0)(2, 3)),
        case("near 0", of("exprel"), fixed([-0.9, -1e-6, 0.0, 1e-3])),
        filled=FILLED,
    ),
    function("inv_boxcox", positive, positive),
    function("inv_boxcox1p", positive, positive),
    function("radian", reals, reals, reals),
    row(
        "special.sinc",
        case("matrix", of("sinc"), reals(2, 3)),
        case("near 0", of("sinc"), fixed([-0.1, 0.0, 0.2])),
        filled=FILLED,
    ),
    function("sindg", uniform(-80.0, 80.0)),
    function("tandg", uniform(-70.0, 70.0)),
]
INTEGRALS = [
    function("ellipe", unit, emulated=False),
    function("ellipk", unit, emulated=False),
    function("ellipkm1", probability, emulated=False),
    function("exp1", positive),
    function("expi", nonzero),
    ordered("expn", 0, 1, 3),
    row(
        "special.hyp1f1",
        case("matrix", lambda xp, x: of("hyp1f1")(xp, 1.5, 2.5, x), reals(2, 3)),
        filled=FILLED,
    ),
    row(
        "special.lpmv",
        case("m 0", lambda xp, x: of("lpmv")(xp, 0, 2, x), unit(2, 3)),
        case("m 1", lambda xp, x: of("lpmv")(xp, 1, 3, x), unit(3)),
        emulated=False,
        filled=FILLED,
    ),
    function("spence", positive),
]


def counted(name: str, n: int) -> Callable[..., Any]:
    return lambda xp, x: of(name)(xp, 2, n, x)


DISTRIBUTIONS = [
    *(
        row(
            f"special.{name}",
            case("matrix", counted(name, 5), probability(2, 3)),
            emulated=False,
            filled=FILLED,
        )
        for name in ("bdtr", "bdtrc", "bdtri", "nbdtr", "nbdtrc", "nbdtri")
    ),
    function("chdtr", positive, positive, emulated=False),
    function("chdtrc", positive, positive, emulated=False),
    function("chdtri", positive, probability, emulated=False),
    function("fdtr", positive, positive, positive, emulated=False),
    function("fdtrc", positive, positive, positive, emulated=False),
    function("fdtri", above_one, above_one, uniform(0.2, 0.8), emulated=False),
    function("gdtr", positive, positive, positive, emulated=False),
    function("gdtrc", positive, positive, positive, emulated=False),
    *(
        row(
            f"special.{name}",
            case("order 2", lambda xp, x, name=name: of(name)(xp, 2, x), domain(2, 3)),
            case("counts", of(name), integers(3), domain(2, 3)),
            emulated=False,
            filled=FILLED,
        )
        for name, domain in (("pdtr", positive), ("pdtrc", positive), ("pdtri", probability))
    ),
    function("stdtr", positive, nonzero, emulated=False),
    function("stdtrit", above_one, uniform(0.2, 0.45), emulated=False),
]

ROWS = [
    *ERROR,
    *LOGISTIC,
    *GAMMA,
    *INCOMPLETE,
    *BESSEL,
    *INFORMATION,
    *ELEMENTARY,
    *INTEGRALS,
    *DISTRIBUTIONS,
]
