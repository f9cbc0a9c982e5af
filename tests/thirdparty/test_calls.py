"""Functions that nobody wrote for gpubp: derivatives in both modes, or the reason why not.

A call without derivatives is an entry of its module's ``LIMITS``: what the library does with the
array there. One without vmap is in ``BRANCHES``: the library asks for a value, which a batch does
not have. Such calls must fail with an error that says so, so that the table stays true when a new
release of the library changes it.
"""

from __future__ import annotations

import re
from typing import Any

import array_api_compat
import numpy as np
import pytest

import gpubp
from thirdparty import (
    others,
    scipy_fft,
    scipy_filters,
    scipy_numeric,
    scipy_rotations,
    scipy_signal,
    scipy_special,
    scipy_stats,
)

MODULES = (
    *(scipy_special, scipy_stats, scipy_signal, scipy_filters, scipy_fft, scipy_numeric),
    *(scipy_rotations, others),
)
EVERY = [
    pytest.param(row, module, id=f"{module.__name__}-{row.name}")
    for module in MODULES
    for row in module.ROWS
]
STEP = 1e-6


def arrays(out: Any) -> list[Any]:
    """The arrays in a result, which may be a tuple."""
    if isinstance(out, (tuple, list)):
        return [x for part in out for x in arrays(part)]
    return [out] if hasattr(out, "dtype") else []


def scalar(row, weights):
    """The call as a function with one number as result: a weighted sum of all that it returns."""

    def f(*args):
        total = 0.0
        args = [x.copy() if isinstance(x, np.ndarray) else x for x in args]  # some write to them
        for y, w in zip(arrays(row.f(*args)), weights, strict=True):
            xp = array_api_compat.array_namespace(y)
            if xp.isdtype(y.dtype, "complex floating"):
                y = xp.real(y) + 0.7 * xp.imag(y)
            total = total + xp.sum(y * xp.asarray(w))
        return total

    return f


def differences(f, args, directions):
    """Central differences of ``f``, one array or a tuple of them."""
    ahead = f(*[a + STEP * d for a, d in zip(args, directions, strict=True)])
    behind = f(*[a - STEP * d for a, d in zip(args, directions, strict=True)])
    if isinstance(ahead, tuple):
        return tuple((a - b) / (2 * STEP) for a, b in zip(ahead, behind, strict=True))
    return (ahead - behind) / (2 * STEP)


@pytest.mark.parametrize(("row", "module"), EVERY)
@pytest.mark.filterwarnings("ignore")
def test_call(row, module):
    limit = module.LIMITS.get(row.name)
    rng = np.random.default_rng(0)
    directions = tuple(rng.standard_normal(a.shape) for a in row.args)
    shapes = [np.shape(y) for y in arrays(row.f(*[a.copy() for a in row.args]))]
    f = scalar(row, [rng.standard_normal(shape) for shape in shapes])
    if limit:
        for transformed in (
            lambda: gpubp.jvp(f, row.args, directions),
            lambda: gpubp.grad(f)(*row.args),
        ):
            with pytest.raises(gpubp.errors.GpubpError, match=limit) as caught:
                transformed()
            if isinstance(caught.value, gpubp.errors.ConversionError):
                assert re.search(r"thirdparty.*\.py:\d+, inside \w+", str(caught.value))
        return
    y, dy = gpubp.jvp(f, row.args, directions)
    np.testing.assert_allclose(y, f(*row.args), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(dy, differences(f, row.args, directions), rtol=1e-5, atol=1e-5)
    gradient = gpubp.grad(f, argnums=tuple(range(len(row.args))))
    found = sum(np.sum(g * d) for g, d in zip(gradient(*row.args), directions, strict=True))
    np.testing.assert_allclose(found, dy, rtol=1e-9, atol=1e-9)
    _, second = gpubp.jvp(gradient, row.args, directions)
    expected = differences(gradient, row.args, directions)
    for one, other in zip(second, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    batch = [np.stack([a, 1.01 * a]) for a in row.args]
    if row.name in module.BRANCHES:
        with pytest.raises(gpubp.errors.UnknownValueError, match="batched by vmap"):
            gpubp.vmap(f)(*batch)
        return
    each = [f(*row.args), f(*[1.01 * a for a in row.args])]
    np.testing.assert_allclose(gpubp.vmap(f)(*batch), each, rtol=1e-9, atol=1e-9)
