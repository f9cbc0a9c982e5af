"""Functions that nobody wrote for gpubp: derivatives in both modes, or the reason why not.

A call without derivatives is an entry of its module's ``LIMITS``: what the library does with the
array there. Such a call must fail with an error that says so, so that the table stays true when a
new release of the library changes it.
"""

from __future__ import annotations

import re
from typing import Any

import array_api_compat
import numpy as np
import pytest

import gpubp
from thirdparty import others, scipy_fft, scipy_numeric, scipy_signal, scipy_special, scipy_stats

MODULES = (scipy_special, scipy_stats, scipy_signal, scipy_fft, scipy_numeric, others)
EVERY = [
    pytest.param(row, module.LIMITS.get(row.name), id=f"{module.__name__}-{row.name}")
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


@pytest.mark.parametrize(("row", "limit"), EVERY)
@pytest.mark.filterwarnings("ignore")
def test_call(row, limit):
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
    ahead = f(*[a + STEP * d for a, d in zip(row.args, directions, strict=True)])
    behind = f(*[a - STEP * d for a, d in zip(row.args, directions, strict=True)])
    np.testing.assert_allclose(dy, (ahead - behind) / (2 * STEP), rtol=1e-5, atol=1e-5)
    gradients = gpubp.grad(f, argnums=tuple(range(len(row.args))))(*row.args)
    found = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(found, dy, rtol=1e-9, atol=1e-9)
