"""array-api-extra, einops and scikit-learn's array-API functions."""

import array_api_extra as xpx
import numpy as np
from einops import array_api as einops
from sklearn import config_context
from sklearn import metrics as sk

from thirdparty.call import ASARRAY, FLOAT, M, S, V, W, call


def sklearn(f):
    """``f`` with scikit-learn's dispatch to array namespaces switched on."""

    def dispatched(*args):
        with config_context(array_api_dispatch=True):
            return f(*args)

    dispatched.__name__ = f"sklearn.{f.__name__}"
    return dispatched


ROWS = [
    call(lambda x: xpx.atleast_nd(x, ndim=3), V, name="xpx.atleast_nd"),
    call(lambda x: xpx.cov(x), M, name="xpx.cov"),
    call(lambda x: xpx.create_diagonal(x), V, name="xpx.create_diagonal"),
    call(lambda x, y: xpx.kron(x, y), M, M[:2], name="xpx.kron"),
    call(lambda x: xpx.sinc(x), V, name="xpx.sinc"),
    call(lambda x: xpx.pad(x, 2), V, name="xpx.pad"),
    call(lambda x: xpx.expand_dims(x, axis=(0, 2)), V, name="xpx.expand_dims"),
    call(lambda x, y: xpx.at(x)[1:3].set(y), V, W[:2], name="xpx.at.set"),
    call(lambda x, y: xpx.at(x)[1:3].add(y), V, W[:2], name="xpx.at.add"),
    call(lambda x, y: xpx.at(x)[1:3].multiply(y), V, W[:2], name="xpx.at.multiply"),
    *(
        call(lambda x, y, n=n: getattr(xpx.at(x)[1:3], n)(y), V, W[:2], name=f"xpx.at.{n}")
        for n in ("subtract", "divide", "power", "min", "max")
    ),
    call(lambda x: xpx.at(x)[x > 1.0].set(0.0), V, name="xpx.at.set, mask"),
    call(
        lambda x: xpx.apply_where(x > 1, (x,), lambda a: a * a, lambda a: -a),
        V,
        name="xpx.apply_where",
    ),
    call(lambda x: xpx.nan_to_num(x), V, name="xpx.nan_to_num"),
    call(lambda x: xpx.partition(x, 2)[2], V, name="xpx.partition"),
    call(
        lambda x: xpx.apply_where(x > 1, x, lambda a: a**3, fill_value=0.5),
        V,
        name="xpx.apply_where, fill_value",
    ),
    call(lambda x: xpx.create_diagonal(x, offset=-1), V, name="xpx.create_diagonal, offset"),
    call(lambda x: xpx.pad(x, ((1, 0), (2, 1)), constant_values=0.5), M, name="xpx.pad, pairs"),
    call(lambda x, y: xpx.setdiff1d(x, y), V, W, name="xpx.setdiff1d"),
    call(lambda x: xpx.argpartition(x, 2), V, name="xpx.argpartition"),
    call(lambda x: xpx.isclose(x, x), V, name="xpx.isclose"),
    call(lambda x: xpx.searchsorted(x, x + 0.1), np.sort(V), name="xpx.searchsorted"),
    call(lambda x: einops.rearrange(x, "(a b) -> b a", a=3), S, name="einops.rearrange"),
    call(lambda x: einops.reduce(x, "(a b) -> b", "mean", a=3), S, name="einops.reduce, mean"),
    call(lambda x: einops.reduce(x, "(a b) -> b", "max", a=3), S, name="einops.reduce, max"),
    call(lambda x: einops.reduce(x, "(a b) -> b", "prod", a=3), S, name="einops.reduce, prod"),
    call(lambda x: einops.repeat(x, "a -> a b", b=3), V, name="einops.repeat"),
    call(lambda x, y: einops.pack([x, y], "*")[0], V, W, name="einops.pack"),
    call(lambda x: einops.unpack(x, [(2,), (3,)], "*"), V, name="einops.unpack"),
    *(call(sklearn(f), V, W) for f in (sk.mean_squared_error, sk.mean_absolute_error, sk.r2_score)),
    *(
        call(sklearn(f), V, W)
        for f in (sk.root_mean_squared_error, sk.mean_absolute_percentage_error)
    ),
    *(
        call(sklearn(f), V, W)
        for f in (sk.mean_tweedie_deviance, sk.mean_gamma_deviance, sk.mean_poisson_deviance)
    ),
    *(
        call(sklearn(f), V, W)
        for f in (sk.explained_variance_score, sk.mean_squared_log_error, sk.max_error)
    ),
    *(
        call(sklearn(f), V, W)
        for f in (sk.mean_pinball_loss, sk.median_absolute_error, sk.d2_tweedie_score)
    ),
    *(
        call(sklearn(f), M, M[:2] + 0.3)
        for f in (sk.pairwise.euclidean_distances, sk.pairwise.cosine_similarity)
    ),
    *(
        call(sklearn(f), M, M[:2] + 0.3)
        for f in (sk.pairwise.linear_kernel, sk.pairwise.polynomial_kernel)
    ),
    *(
        call(sklearn(f), M, M[:2] + 0.3)
        for f in (sk.pairwise.rbf_kernel, sk.pairwise.sigmoid_kernel)
    ),
    *(
        call(sklearn(f), M, M + 0.3)
        for f in (sk.pairwise.paired_euclidean_distances, sk.pairwise.paired_cosine_distances)
    ),
    *(
        call(sklearn(f), abs(M), abs(M[:2]) + 0.3)
        for f in (
            sk.pairwise.cosine_distances,
            sk.pairwise.additive_chi2_kernel,
            sk.pairwise.chi2_kernel,
        )
    ),
]

LIMITS = {
    "sklearn.mean_squared_error": FLOAT,
    "sklearn.mean_absolute_error": FLOAT,
    "sklearn.r2_score": FLOAT,
    "sklearn.root_mean_squared_error": FLOAT,
    "sklearn.mean_absolute_percentage_error": FLOAT,
    "sklearn.mean_tweedie_deviance": FLOAT,
    "sklearn.mean_gamma_deviance": FLOAT,
    "sklearn.mean_poisson_deviance": FLOAT,
    "sklearn.explained_variance_score": FLOAT,
    "sklearn.mean_squared_log_error": FLOAT,
    "sklearn.max_error": FLOAT,
    "sklearn.mean_pinball_loss": FLOAT,
    "sklearn.median_absolute_error": ASARRAY,
    "sklearn.d2_tweedie_score": FLOAT,
}

# Branches on values: no vmap.
BRANCHES = {
    "sklearn.euclidean_distances",
    "sklearn.cosine_similarity",
    "sklearn.linear_kernel",
    "sklearn.polynomial_kernel",
    "sklearn.rbf_kernel",
    "sklearn.sigmoid_kernel",
    "sklearn.paired_euclidean_distances",
    "sklearn.paired_cosine_distances",
    "sklearn.cosine_distances",
    "sklearn.additive_chi2_kernel",
    "sklearn.chi2_kernel",
}
