"""The rest of SciPy: integrate, differentiate, optimize, spatial, ndimage, cluster, interpolate."""

import math

import numpy as np
from scipy import constants, integrate, interpolate, linalg, ndimage, spatial
from scipy.cluster import hierarchy, vq
from scipy.differentiate import derivative, hessian, jacobian
from scipy.optimize import elementwise, rosen, rosen_der, rosen_hess, rosen_hess_prod

from thirdparty.call import ASARRAY, INT, M, S, U, V, W, call, like

T = np.linspace(0.0, 1.0, 12)

ROWS = [
    call(integrate.trapezoid, S),
    call(integrate.simpson, S),
    call(integrate.cumulative_trapezoid, S),
    call(integrate.cumulative_simpson, S),
    call(lambda y: integrate.romb(y), S[:9], name="romb"),
    call(lambda y: integrate.trapezoid(y, x=T), S, name="trapezoid, x"),
    call(lambda y, x: integrate.simpson(y, x=x), S, T, name="simpson, x"),
    call(lambda a: integrate.fixed_quad(lambda t: a * t**2, 0.0, 1.0)[0], V[:1], name="fixed_quad"),
    call(
        lambda a: integrate.tanhsinh(lambda t, a: a * t**2, 0.0 * a, 1 + 0 * a, args=(a,)).integral,
        V,
        name="tanhsinh",
    ),
    call(
        lambda a: integrate.cubature(lambda t: t[:, 0] ** 2, a[:1], a[1:2]).estimate,
        V,
        name="cubature",
    ),
    call(
        lambda a: elementwise.find_root(lambda t, a: t * t - a, (0 * a, 3 + 0 * a), args=(a,)).x,
        V,
        name="find_root",
    ),
    call(
        lambda a: (
            elementwise.find_minimum(
                lambda t, a: (t - a) ** 2, (a - 2, a + 0.3, a + 2), args=(a,)
            ).f_x
        ),
        V,
        name="find_minimum",
    ),
    call(
        lambda a: elementwise.bracket_root(
            lambda t, a: t * t - a, 0 * a, 3 + 0 * a, args=(a,)
        ).bracket[1],
        V,
        name="bracket_root",
    ),
    call(
        lambda a: (
            integrate.tanhsinh(
                lambda t, a: like(t, math.e) ** (-a * t * t), 0 * a, math.inf + 0 * a, args=(a,)
            ).integral
        ),
        V,
        name="tanhsinh, infinite",
    ),
    call(
        lambda a, b: integrate.tanhsinh(lambda t: t**3, -a, b).integral,
        V,
        W,
        name="tanhsinh, limits",
    ),
    call(
        lambda a: (
            integrate.nsum(
                lambda k, a: k ** -(2 + a), like(a, 1.0), like(a, math.inf), args=(a,)
            ).sum
        ),
        V,
        name="nsum",
    ),
    call(lambda y: integrate.cumulative_trapezoid(y, initial=0), S, name="cumulative_trapezoid, 0"),
    call(
        lambda y, x: integrate.cumulative_simpson(y, x=x),
        V,
        np.sort(W),
        name="cumulative_simpson, x",
    ),
    call(lambda a: derivative(lambda t: t**3, a).df, V, name="derivative"),
    call(lambda a: jacobian(lambda t: t**3, a).df, V, name="jacobian"),
    call(lambda a: hessian(lambda t: t[0] ** 3 * t[1], a).ddf, V[:2], name="hessian"),
    call(rosen, V),
    call(rosen_der, V),
    call(rosen_hess, V),
    call(rosen_hess_prod, V, W),
    call(lambda x, y: linalg.orthogonal_procrustes(x, y)[0], M.T[:3], M.T[1:], name="procrustes"),
    call(linalg.block_diag, M, V),
    call(linalg.fiedler, V),
    call(lambda x: constants.convert_temperature(x, "C", "F"), V, name="convert_temperature"),
    call(constants.lambda2nu, V),
    call(lambda x, y: spatial.distance.cdist(x, y), M, M[:2] + 1, name="cdist"),
    call(lambda x, y: spatial.distance.euclidean(x, y), V, W, name="euclidean"),
    call(lambda x: ndimage.gaussian_filter(x, 1.0), M, name="gaussian_filter"),
    call(lambda x: ndimage.convolve1d(x, like(x, [1.0, 2.0, 1.0])), S, name="convolve1d"),
    call(lambda x: ndimage.sum_labels(x), M, name="sum_labels"),
    call(lambda x: vq.whiten(x), M, name="whiten"),
    call(lambda x: vq.vq(x, like(x, M[:2]))[1], M + 0.2, name="vq"),
    call(lambda x: vq.kmeans2(x, like(x, M[:2]), minit="matrix")[0], M, name="kmeans2"),
    call(lambda x: hierarchy.linkage(x), M, name="linkage"),
    call(lambda x: interpolate.CubicSpline(like(x, T), x)(like(x, U)), S, name="CubicSpline"),
    call(
        lambda x: interpolate.make_interp_spline(like(x, T), x)(like(x, U)),
        S,
        name="make_interp_spline",
    ),
    call(
        lambda x: interpolate.BSpline(like(x, np.arange(10.0)), x[:6], 3)(like(x, U + 3)),
        S,
        name="BSpline",
    ),
    call(
        lambda x: interpolate.PPoly(x.reshape((2, 6)), like(x, np.linspace(0.0, 1.0, 7)))(
            like(x, U)
        ),
        S,
        name="PPoly",
    ),
    call(
        lambda x: interpolate.RegularGridInterpolator((like(x, T),), x)(like(x, U)),
        S,
        name="RegularGridInterpolator",
    ),
    call(lambda x: interpolate.AAA(like(x, T), x)(like(x, U)), S, name="AAA"),
    call(lambda x: linalg.expm(x), M[:, :3], name="expm"),
]

LIMITS = {
    "nsum": INT,
    "simpson": ASARRAY,
    "simpson, x": ASARRAY,
    "cdist": ASARRAY,
    "euclidean": ASARRAY,
    "gaussian_filter": ASARRAY,
    "convolve1d": ASARRAY,
    "sum_labels": ASARRAY,
    "vq": ASARRAY,
    "kmeans2": ASARRAY,
    "linkage": ASARRAY,
    "CubicSpline": ASARRAY,
    "make_interp_spline": ASARRAY,
    "BSpline": ASARRAY,
    "PPoly": ASARRAY,
    "RegularGridInterpolator": ASARRAY,
    "AAA": ASARRAY,
    "expm": ASARRAY,
}

# Branches on values: no vmap.
BRANCHES = {
    "tanhsinh",
    "tanhsinh, infinite",
    "tanhsinh, limits",
    "jacobian",
    "hessian",
    "cumulative_simpson, x",
    "procrustes",
    "cubature",
    "find_root",
    "find_minimum",
    "bracket_root",
    "derivative",
}
