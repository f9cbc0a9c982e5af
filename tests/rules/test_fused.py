"""Composite primitives: higher derivatives, and what stands in a kernel's place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gpubp
from gpubp.core.primitive import PRIMITIVES
from gpubp.rules.fused import softmax
from gpubp.testing import check_grads
from gpubp.testing.cases.fused import ROWS
from on_cases import NUMPY, arguments, assert_close, function

CASES = [case for row in ROWS for case in row.cases]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_third_order(case: Any) -> None:
    check_grads(function(case), arguments(case, NUMPY, "float64"), order=3)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_its_parts_give_the_same(case: Any) -> None:
    f, args = function(case), arguments(case, NUMPY, "float64")
    whole, slopes = [], []
    for apart in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if apart:
                for p in PRIMITIVES.values():
                    if p.composite:
                        patch.setattr(type(p), "__call__", type(p).decompose)
            out, pullback = gpubp.vjp(f, *args)
            whole.append(out)
            slopes.append(pullback([np.ones_like(y) for y in out]))
    assert_close(whole[1], whole[0], NUMPY, "float64", "result")
    assert_close(slopes[1], slopes[0], NUMPY, "float64", "cotangent")


def test_a_composite_keeps_what_its_derivative_needs() -> None:
    x = np.ones((3, 4))
    y = softmax.softmax(x)
    args, kept = softmax.softmax_p.residuals([0], [x], y)
    assert kept is y
    assert not isinstance(args[0], np.ndarray)


def test_classes_may_be_counted_from_the_end() -> None:
    x, target = np.asarray([[1.0, 2.0, 4.0]] * 2), np.asarray([-1, 2])
    losses = softmax.cross_entropy_p(x, target, axis=-1, smoothing=0.0)
    assert losses[0] == losses[1]
    formula = softmax.cross_entropy_p.decompose(x, target, axis=-1, smoothing=0.0)
    np.testing.assert_allclose(formula, losses)
