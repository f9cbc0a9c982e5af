"""scipy.stats: sample statistics, tests and the new distributions."""

import numpy as np
from scipy import stats as st

from thirdparty.call import ASARRAY, INT, P, Q, S, U, V, W, call, like

BIG = np.asarray(
    [[0.3, 2.1, -0.8, 1.4, 0.9, -1.2, 0.2, 1.8], [1.1, 0.4, 2.5, -0.6, 1.3, 0.7, -0.1, 2.2]]
)


def fields(f, *names, **kwargs):
    """``f`` returning fields of its result object."""

    def call(*args):
        found = f(*args, **kwargs)
        return tuple(getattr(found, name) for name in names)

    call.__name__ = f.__name__
    return call


both = ("statistic", "pvalue")

ROWS = [
    *(call(f, V) for f in (st.gmean, st.hmean, st.skew, st.kurtosis, st.zscore, st.gzscore)),
    *(
        call(f, V)
        for f in (st.variation, st.kstat, st.kstatvar, st.sem, st.tmean, st.tvar, st.tstd)
    ),
    *(call(f, V) for f in (st.tsem, st.tmin, st.tmax, st.gstd, st.iqr, st.moment, st.circmean)),
    *(call(f, V) for f in (st.circvar, st.circstd, st.differential_entropy)),
    call(lambda x: st.pmean(x, 1.5), V, name="pmean"),
    call(lambda x: st.expectile(x, 0.3), V, name="expectile"),
    call(lambda x: st.lmoment(x, order=2), V, name="lmoment"),
    call(lambda x: st.quantile(x, 0.4), V, name="quantile"),
    call(lambda x: st.boxcox_llf(0.3, x), V, name="boxcox_llf"),
    call(lambda x: st.yeojohnson_llf(0.3, x), V, name="yeojohnson_llf"),
    call(lambda x, y: st.zmap(x, y), V, W, name="zmap"),
    call(lambda x: st.trim_mean(x, 0.2), V, name="trim_mean, 0.2"),
    call(lambda x: st.describe(x)[2:], V, name="describe"),
    call(lambda x: st.bartlett(x[:4], x[4:]).statistic, BIG[0], name="bartlett"),
    call(st.entropy, P),
    call(st.entropy, P, Q, name="entropy, relative"),
    *(
        call(fields(f, *both), V, W)
        for f in (
            st.ttest_rel,
            st.ttest_ind,
            st.pearsonr,
            st.ks_2samp,
            st.mannwhitneyu,
            st.wilcoxon,
        )
    ),
    call(fields(st.linregress, "slope", "intercept", "rvalue", "pvalue", "stderr"), V, W),
    *(call(fields(f, *both), V, W) for f in (st.spearmanr, st.kendalltau, st.f_oneway, st.kruskal)),
    *(
        call(fields(f, *both), V, W)
        for f in (st.levene, st.fligner, st.ansari, st.cramervonmises_2samp)
    ),
    call(lambda x: tuple(st.ttest_1samp(x, 0.4)), V, name="ttest_1samp"),
    *(call(fields(f, *both), BIG[0]) for f in (st.skewtest, st.kurtosistest, st.normaltest)),
    call(fields(st.jarque_bera, *both), BIG[0]),
    call(fields(st.chisquare, *both), 10 * V),
    call(fields(st.power_divergence, *both, lambda_=0.7), 10 * V, name="power_divergence"),
    call(lambda p: tuple(st.combine_pvalues(p, "fisher")), U, name="combine_pvalues, fisher"),
    call(lambda p: tuple(st.combine_pvalues(p, "stouffer")), U, name="combine_pvalues, stouffer"),
    call(lambda p: st.false_discovery_control(p), U, name="false_discovery_control"),
    call(lambda m: st.Normal(mu=m, sigma=1.3).logpdf(0.4), V, name="Normal.logpdf"),
    call(lambda x: st.norm.logpdf(x), V, name="norm.logpdf"),
    call(lambda x: st.norm.cdf(x), V, name="norm.cdf"),
    call(
        lambda x: st.multivariate_normal.logpdf(x, like(x, np.zeros(5)), like(x, np.eye(5))),
        V,
        name="multivariate_normal.logpdf",
    ),
    call(
        lambda r: st.directional_stats(r.reshape((4, 3))).mean_direction,
        S,
        name="directional_stats",
    ),
    *(
        call(lambda x, y, f=f: f(x, y).statistic, *BIG, name=f.__name__)
        for f in (st.mood, st.chatterjeexi, st.brunnermunzel, st.spearmanrho)
    ),
    call(
        lambda x, y: st.friedmanchisquare(x, y, x * y).statistic,
        BIG[0],
        BIG[1],
        name="friedmanchisquare",
    ),
    call(st.median_abs_deviation, BIG[0]),
    call(lambda x: st.mode(x).mode, BIG[0], name="mode"),
    call(lambda x: st.sigmaclip(x).clipped, BIG[0], name="sigmaclip"),
    *(
        call(lambda x, m=m: st.quantile(x, 0.3, method=m), BIG[0], name=f"quantile, {m}")
        for m in ("inverted_cdf", "hazen", "harrell-davis", "weibull")
    ),
    *(
        call(lambda x, m=m: st.differential_entropy(x, method=m), BIG[0], name=f"entropy, {m}")
        for m in ("vasicek", "van es", "ebrahimi", "correa")
    ),
    *(
        call(lambda x, w, f=f: f(x, weights=w), V, W, name=f"{f.__name__}, weights")
        for f in (st.gmean, st.hmean)
    ),
    call(
        lambda x, y: st.pearsonr(x, y).confidence_interval().high, V, W, name="pearsonr, interval"
    ),
    call(
        lambda x, y: st.ttest_rel(x, y).confidence_interval().low, V, W, name="ttest_rel, interval"
    ),
    call(lambda x, y: st.ttest_ind(x, y, equal_var=False).pvalue, V, W, name="ttest_ind, Welch"),
    call(
        lambda x, y: st.ttest_ind_from_stats(x[0], y[0], 6, x[1], y[1], 7),
        V,
        W,
        name="ttest_ind_from_stats",
    ),
    call(lambda x, y: st.f_oneway(x, y, equal_var=False).pvalue, *BIG, name="f_oneway, Welch"),
    call(lambda x: st.rankdata(x), V, name="rankdata"),
    call(lambda x: st.gaussian_kde(x)(x), V, name="gaussian_kde"),
    call(lambda x: st.wasserstein_distance(x, like(x, W)), V, name="wasserstein_distance"),
    call(lambda x: st.alexandergovern(x, like(x, W)).statistic, V, name="alexandergovern"),
]

LIMITS = {
    "expectile": ASARRAY,
    "ks_2samp": INT,
    "mannwhitneyu": ASARRAY,
    "wilcoxon": ASARRAY,
    "linregress": ASARRAY,
    "kendalltau": ASARRAY,
    "ansari": ASARRAY,
    "cramervonmises_2samp": ASARRAY,
    "Normal.logpdf": ASARRAY,
    "norm.logpdf": ASARRAY,
    "norm.cdf": ASARRAY,
    "multivariate_normal.logpdf": ASARRAY,
    "gaussian_kde": ASARRAY,
    "wasserstein_distance": ASARRAY,
}

# Branches on values: no vmap.
BRANCHES = {
    "hmean",
    "iqr",
    "pmean",
    "quantile",
    "kruskal",
    "levene",
    "fligner",
    "false_discovery_control",
    "rankdata",
    "spearmanr",
    "spearmanrho",
    "mood",
    "chatterjeexi",
    "brunnermunzel",
    "friedmanchisquare",
    "median_abs_deviation",
    "hmean, weights",
    "quantile, inverted_cdf",
    "quantile, hazen",
    "quantile, harrell-davis",
    "quantile, weibull",
}
