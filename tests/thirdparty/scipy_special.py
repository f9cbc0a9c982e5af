"""scipy.special: what its array-API layer looks up in ``xp.special``, and its own Python code."""

from scipy import special as sp

from thirdparty.call import P, Q, U, V, W, call

ROWS = [
    *(call(f, V) for f in (sp.erf, sp.erfc, sp.expit, sp.log_expit, sp.exprel, sp.gammaln, sp.psi)),
    *(call(f, V) for f in (sp.i0, sp.i0e, sp.i1, sp.i1e, sp.ndtr, sp.log_ndtr, sp.entr)),
    *(call(f, U) for f in (sp.logit, sp.erfinv, sp.ndtri)),
    *(call(f, V) for f in (sp.k0, sp.k0e, sp.k1, sp.k1e, sp.j0, sp.j1, sp.y0, sp.y1)),
    *(call(f, P, Q) for f in (sp.xlogy, sp.xlog1py, sp.rel_entr, sp.kl_div)),
    *(call(f, V, W) for f in (sp.gammainc, sp.gammaincc, sp.beta, sp.betaln, sp.poch, sp.binom)),
    call(lambda x: sp.zeta(x, 1.5), V + 1.2, name="zeta"),
    call(lambda x: sp.polygamma(1, x), V, name="polygamma"),
    call(lambda x: sp.multigammaln(x, 2), V + 1, name="multigammaln"),
    call(lambda a, b, x: sp.betainc(a, b, x), V, W, U, name="betainc"),
    call(lambda a, b, x: sp.betaincc(a, b, x), V, W, U, name="betaincc"),
    call(lambda x: sp.chdtr(3.0, x), V, name="chdtr"),
    call(lambda x: sp.chdtrc(3.0, x), V, name="chdtrc"),
    call(lambda x: sp.stdtr(4.0, x), V, name="stdtr"),
    call(lambda x: sp.stdtrit(4.0, x), U, name="stdtrit"),
    call(lambda x: sp.fdtr(4.0, 3.0, x), V, name="fdtr"),
    call(lambda x: sp.boxcox1p(x, 0.4), V, name="boxcox1p"),
    call(lambda x: sp.boxcox(x, 0.4), V, name="boxcox"),
    call(lambda x: sp.huber(1.0, x), V, name="huber"),
    call(lambda x: sp.pseudo_huber(1.0, x), V, name="pseudo_huber"),
    call(lambda x: sp.cbrt(x), V, name="cbrt"),
    call(lambda x: sp.radian(x, 0.0, 0.0), V, name="radian"),
    call(sp.logsumexp, V),
    call(lambda x, b: sp.logsumexp(x, b=b), V, W, name="logsumexp, weights"),
    call(sp.softmax, V),
    call(sp.log_softmax, V),
]

LIMITS: dict[str, str] = {}

BRANCHES: set[str] = set()
