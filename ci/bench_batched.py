"""Batched gradients against torch.func, JAX, Opacus and BackPACK, in one run.

    python ci/bench_batched.py [--threads 1] [--rounds 9] [--only norms,hessian] [--markdown]

Contestants of a case take turns, one burst each per round, so that a noisy neighbour slows all of
them alike; a figure is the median over the rounds of one time over torch.func's in the same round.
Before a case is timed its contestants must agree. JAX, PyTorch and OpenBLAS get ``--threads``
threads; the process gets as many cores. ``routes`` compares NumPy's matmul with the routes that
gpubp takes for stacks; its unit is NumPy.

What was predicted before the first run, as ratios to torch.func at two threads; the table is in
ci/bench_batched.md:

| case | predicted |
| --- | --- |
| gradients: MLP 784-512-10, batch 256 | .9: the gradients are 400 MB, and writing them is all |
| norms | .03: two products for each layer, torch.func makes and reads 400 MB |
| clipped sums | .03 |
| Jacobians 128 x 64 x 64 of a tanh MLP | .5 |
| Hessian of logistic regression in 200 variables | .5, .2 compiled |
| products, 4096 of 16 x 16 | 1.0: BLAS's own kernels on one core against two |
| shared right operand | 1.0 |
| transposed operands | 1.5: a copy first |
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import blas_settings


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9, help="bursts per contestant")
    parser.add_argument("--seconds", type=float, default=0.05, help="length of a burst")
    parser.add_argument("--only", help="names of cases, separated by commas")
    parser.add_argument("--markdown", action="store_true", help="the table for a file")
    return parser.parse_args()


if __name__ == "__main__":
    threads = options().threads
    blas_settings.settle(threads)  # before they are loaded
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

import batched_cases
import numpy as np
import torch

torch.set_num_threads(options().threads)


def burst(call: Callable[[], Any], seconds: float) -> float:
    """Seconds per call, over calls for about so long."""
    count, start = 0, time.perf_counter()
    while True:
        call()
        count += 1
        elapsed = time.perf_counter() - start
        if elapsed > seconds:
            return elapsed / count


def require_agreement(name: str, case: batched_cases.Case) -> None:
    reference, *others = case.calls
    wanted = case.numbers(case.calls[reference]())
    for other in others:
        found = case.numbers(case.calls[other]())
        for a, b in zip(found, wanted, strict=True):
            scale = float(np.abs(b).max()) or 1.0
            np.testing.assert_allclose(
                a, b, rtol=2e-3, atol=2e-4 * scale, err_msg=f"{name}: {other} and {reference}"
            )


def measure(case: batched_cases.Case, rounds: int, seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in case.calls}
    for _ in range(rounds):
        for name, call in case.calls.items():
            times[name].append(burst(call, seconds))
    return times


def cells(times: dict[str, list[float]], unit: str) -> dict[str, str]:
    """The unit's milliseconds, and of the others the ratio with its quartiles."""
    found = {unit: f"{statistics.median(times[unit]) * 1e3:.3g} ms"}
    for name, values in times.items():
        if name != unit:
            ratios = [a / b for a, b in zip(values, times[unit], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            found[name] = f"{middle:.2f} ({low:.2f}-{high:.2f})"
    return found


def machine() -> str:
    libraries = ("numpy", "torch", "jax", "opacus", "backpack-for-pytorch")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {load:.1f}; Python "
        f"{platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in libraries)
    )


def main() -> None:
    given = options()
    print(machine())
    for name, build in batched_cases.CASES.items():
        if given.only and name not in given.only.split(","):
            continue
        case = build()
        require_agreement(name, case)
        row = cells(measure(case, given.rounds, given.seconds), case.unit)
        if given.markdown:
            print(f"| {name} | " + " | ".join(f"{k}: {v}" for k, v in row.items()) + " |")
        else:
            print(f"\n{name}")
            for contestant, text in row.items():
                print(f"    {contestant:18} {text}")


if __name__ == "__main__":
    main()
