"""vmap is a Python loop, whichever arguments are batched and along whichever axes."""

from itertools import product

import numpy as np
import pytest

import gpubp
from gpubp.core import tree
from gpubp.testing.cases import CASES
from on_cases import (
    NUMPY,
    assert_close,
    cotangents,
    function,
    has_inexact,
    samples,
    samples_on_libraries,
    tangents,
)

SIZE = 4  # of the batch: no other axis of a case is so long in most of them
BATCHABLE = [c for c in CASES if c.vmap and any(d.batched for d in c.draws)]
SEVERAL = [c for c in BATCHABLE if sum(d.batched for d in c.draws) > 1]


def raw_loop(case, per_example):
    """The stacked results of the library's own function on each example's arguments."""
    outs = [tree.leaves(case.call(NUMPY.xp, *xs)) for xs in per_example]
    return [np.stack([np.asarray(y) for y in ys]) for ys in zip(*outs, strict=True)]


def batches(case, dtype, which, size=SIZE):
    """Arguments per example; those not in `which` are the same for all."""
    seeds = [case.arguments(dtype, seed) for seed in range(size)]
    return [[xs[i] if i in which else seeds[0][i] for i in range(len(case.draws))] for xs in seeds]


def stacked(per_example, which, axis=0):
    """The batch as arguments of the mapped function."""
    columns = zip(*per_example, strict=True)
    return [
        np.stack(column, axis=axis) if i in which else column[0] for i, column in enumerate(columns)
    ]


def everything(case):
    return {i for i, draw in enumerate(case.draws) if draw.batched}


@samples(BATCHABLE)
def test_every_combination_of_batched_arguments(case, dtype):
    for choice in product([0, None], repeat=len(case.draws)):
        which = {i for i, axis in enumerate(choice) if axis == 0}
        if not which or not which <= everything(case):
            continue
        per_example = batches(case, dtype, which)
        args = stacked(per_example, which)
        found = gpubp.vmap(function(case), in_axes=choice)(*args)
        assert_close(found, raw_loop(case, per_example), NUMPY, dtype, f"in_axes={choice}: result")


@samples(BATCHABLE)
def test_other_axes(case, dtype):
    which = everything(case)
    in_axes = tuple(-1 if i in which else None for i in range(len(case.draws)))
    per_example = batches(case, dtype, which)
    args = stacked(per_example, which, axis=-1)
    found = gpubp.vmap(function(case), in_axes=in_axes, out_axes=-1)(*args)
    expected = [np.moveaxis(y, 0, -1) for y in raw_loop(case, per_example)]
    assert_close(found, expected, NUMPY, dtype, "result")


@samples(SEVERAL)
def test_nested_over_different_arguments(case, dtype):
    """The outer vmap batches the first argument, the inner one the last."""
    first, last = min(everything(case)), max(everything(case))
    outer, inner = batches(case, dtype, {first}, 2), batches(case, dtype, {last}, 3)
    args = list(case.arguments(dtype))
    args[first] = np.stack([xs[first] for xs in outer])
    args[last] = np.stack([xs[last] for xs in inner])

    def axes(batched):
        return tuple(0 if i == batched else None for i in range(len(args)))

    f = gpubp.vmap(gpubp.vmap(function(case), in_axes=axes(last)), in_axes=axes(first))
    rows = []
    for xs in outer:
        rows.append(raw_loop(case, [[*xs[:last], zs[last], *xs[last + 1 :]] for zs in inner]))
    expected = [np.stack(ys) for ys in zip(*rows, strict=True)]
    assert_close(f(*args), expected, NUMPY, dtype, "result")


@samples(BATCHABLE)
def test_nested_over_the_same_arguments(case, dtype):
    which = everything(case)
    in_axes = tuple(0 if i in which else None for i in range(len(case.draws)))
    per_example = batches(case, dtype, which, 6)
    args = stacked(per_example, which)
    args = [x.reshape(2, 3, *x.shape[1:]) if i in which else x for i, x in enumerate(args)]
    found = gpubp.vmap(gpubp.vmap(function(case), in_axes=in_axes), in_axes=in_axes)(*args)
    expected = [y.reshape(2, 3, *y.shape[1:]) for y in raw_loop(case, per_example)]
    assert_close(found, expected, NUMPY, dtype, "result")


@samples_on_libraries(BATCHABLE, numpy=False)
def test_on_every_library(library, case, dtype):
    which = everything(case)
    per_example = batches(case, dtype, which, 2)
    args = [library.asarray(x) for x in stacked(per_example, which)]
    in_axes = tuple(0 if i in which else None for i in range(len(case.draws)))
    found = gpubp.vmap(function(case), in_axes=in_axes)(*args)
    assert_close(found, raw_loop(case, per_example), library, dtype, "result")


@samples([c for c in BATCHABLE if has_inexact(c)])
@pytest.mark.parametrize("order", ["vmap(vjp)", "vjp(vmap)", "vmap(jvp)"])
def test_derivatives_under_vmap(case, dtype, order):
    f, which = function(case), everything(case)
    in_axes = tuple(0 if i in which else None for i in range(len(case.draws)))
    per_example = batches(case, dtype, which, 2)
    args = stacked(per_example, which)
    cts, ts = cotangents(case, NUMPY, dtype), tangents(case, NUMPY, dtype)

    def both(x):
        return None if x is None else np.stack([x, x])

    def loop(g):
        outs = zip(*(g(*xs) for xs in per_example), strict=True)
        return [None if ys[0] is None else np.stack([np.asarray(y) for y in ys]) for ys in outs]

    def forward(*xs):
        return gpubp.jvp(f, xs, ts)[1]

    def reverse(*xs):
        return gpubp.vjp(f, *xs)[1](cts)

    if order == "vmap(jvp)":
        found, expected = gpubp.vmap(forward, in_axes=in_axes)(*args), loop(forward)
    elif order == "vmap(vjp)":
        found, expected = gpubp.vmap(reverse, in_axes=in_axes)(*args), loop(reverse)
    else:
        pullback = gpubp.vjp(gpubp.vmap(f, in_axes=in_axes), *args)[1]
        found, expected = pullback([both(ct) for ct in cts]), loop(reverse)
        for i in set(range(len(args))) - which:  # one array for the whole batch: its sum
            expected[i] = None if expected[i] is None else np.sum(expected[i], axis=0)
    assert_close(found, expected, NUMPY, dtype, order)
