"""Compiled functions against PyTorch, JAX, HIPS/autograd, NumPy by hand and the bare products.

    python ci/bench_compile.py [--threads 1] [--rounds 15] [--only tiny,chain-10] [--markdown]

Contestants of a case take turns, one burst each per round, so that a noisy neighbour slows all of
them alike; a figure is the median over the rounds of one time over PyTorch's eager one in the
same round. Before a case is timed its contestants must agree. JAX, PyTorch and OpenBLAS get
``--threads`` threads; the process gets as many cores.

What was predicted before the first run, as ratios to PyTorch at two threads, for the compiled form
with and without llvmlite; the table is in ci/bench_compile.md:

| case | predicted | without llvmlite | goal |
| --- | --- | --- | --- |
| tiny | .08 | .30 | .15 |
| small | .60 | .85 | .6 |
| medium | .80 | .95 | .8 |
| large | .90 | 1.0 | .9 |
| chain-10 | .04 | .20 | .05 |
| chain-1e3 | .06 | .25 | .06 |
| chain-1e6 | .30 | .50 | .3 |
| convolution | 1.5 | 2.0 | 1.2 |
| transformer | .95 | 1.2 | .95 |
| hessian | .03 | .05 | .03 |
| hvp | .02 | .05 | .02 |
| jacobian | .60 | .70 | .65 |
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import blas_settings


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15, help="bursts per contestant")
    parser.add_argument("--seconds", type=float, default=0.03, help="length of a burst")
    parser.add_argument("--only", help="names of cases, separated by commas")
    parser.add_argument("--skip", default="", help="contestants to leave out, likewise")
    parser.add_argument("--markdown", action="store_true", help="the table for a file")
    return parser.parse_args()


if __name__ == "__main__":
    blas_settings.settle(options().threads)  # before they are loaded

import itertools

import numpy as np
import torch
from compile_cases.case import CONTESTANTS, OURS, PRODUCTS, TORCH, TORCH_COMPILE, Call, Case
from compile_cases.chain import chain_case
from compile_cases.convolution import convolution_case
from compile_cases.curvature import hessian_case, hvp_case, jacobian_case
from compile_cases.network import network_case
from compile_cases.transformer import transformer_case
from rich.console import Console
from rich.table import Table

CASES: dict[str, Callable[[], Case]] = {
    "tiny": lambda: network_case("network 32 x 64-32-10", 32, 64, 32, 10),
    "small": lambda: network_case("network 128 x 784-256-128-10", 128, 784, 256, 128, 10),
    "medium": lambda: network_case("network 256 x 784-1024-1024-10", 256, 784, 1024, 1024, 10),
    "large": lambda: network_case("network 512 x 2048-2048-2048-1000", 512, 2048, 2048, 2048, 1000),
    "chain-10": lambda: chain_case("60 operations on 10", 10),
    "chain-1e3": lambda: chain_case("60 operations on 1e3", 1000),
    "chain-1e6": lambda: chain_case("60 operations on 1e6", 1_000_000),
    "convolution": lambda: convolution_case("convolution network"),
    "transformer": lambda: transformer_case("transformer block"),
    "hessian": lambda: hessian_case("Hessian, 20 weights"),
    "hvp": lambda: hvp_case("Hessian-vector product"),
    "jacobian": lambda: jacobian_case("Jacobian, 64 x 64"),
}


def burst(call: Call, number: int) -> float:
    """Seconds per call: of processors on one thread, where neighbours count little; else by clock.

    With two threads the seconds in which one waits for the other must count.
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    for _ in range(number):
        call()
    return (clock() - start) / number


def agreed(case: Case) -> dict[str, Call]:
    """The contestants that run here, once all of them have given the same."""
    found: dict[str, Call] = {}
    values: dict[str, float] = {}
    for name, call in case.contestants.items():
        try:
            value = call()
        except Exception as error:
            if name != TORCH_COMPILE:  # needs a compiler for C++
                raise
            print(f"{case.title}: {name} does not run here ({type(error).__name__})")
            continue
        found[name] = call
        if name != PRODUCTS:
            values[name] = float(value)
    expected = values[TORCH]
    for name, value in values.items():
        np.testing.assert_allclose(value, expected, rtol=1e-3, err_msg=f"{case.title}: {name}")
    return found


def settle(call: Call) -> None:
    """Wait until machine code is there, and caches are warm."""
    deadline = time.perf_counter() + 2.0
    while time.perf_counter() < deadline:
        call()


def measure(calls: dict[str, Call], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Seconds per call of each contestant, one figure per round."""
    settle(calls[OURS])
    numbers = {name: max(1, int(seconds / (burst(call, 3) + 1e-9))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in range(rounds):
        for name in order:
            calls[name]()  # the one before may have left the cache cold, and threads that spin
            times[name].append(burst(calls[name], numbers[name]))
        order.append(order.pop(0))
    return times


def ratio(times: dict[str, list[float]], name: str) -> str:
    """To PyTorch's time in the same round: median and half the distance between the quartiles."""
    if name not in times:
        return "-"
    values = [a / b for a, b in zip(times[name], times[TORCH], strict=True)]
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3g} ±{(high - low) / 2:.1g}"


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def row(name: str, case: Case, times: dict[str, list[float]]) -> list[str]:
    median = duration(statistics.median(times[TORCH]))
    return [name, case.title, median, *(ratio(times, n) for n in CONTESTANTS if n != TORCH)]


HEADER = ["case", "", TORCH, *(n for n in CONTESTANTS if n != TORCH)]


def import_row(rounds: int) -> list[str]:
    """Milliseconds that importing takes in a fresh interpreter, less those of an empty one."""

    def fresh(statement: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        return time.perf_counter() - start

    statements = ("import numpy", "import gpubp", "import torch", "import jax", "import autograd")
    for statement in statements:
        fresh(statement)
    times = {s: [fresh(s) - fresh("pass") for _ in range(rounds)] for s in statements}
    return [f"{s}: {statistics.median(t) * 1e3:.0f} ms" for s, t in times.items()]


def peak_row() -> list[str]:
    """Bytes that a step of the medium network allocates: planned and measured."""
    import gpubp
    from gpubp import losses

    def loss(params: Any, x: Any, y: Any) -> Any:
        xp = x.__array_namespace__()
        for w in params[:-1]:
            x = xp.tanh(x @ w)
        return losses.cross_entropy(x @ params[-1], y)

    sizes = (784, 1024, 1024, 10)
    params = [np.zeros((m, n), np.float32) + 0.01 for m, n in itertools.pairwise(sizes)]
    args = params, np.ones((256, 784), np.float32), np.zeros(256, np.int64)
    gradient = gpubp.grad(loss)
    plan = gpubp.plan(gradient, *args)

    def peak(prepare: Callable[[], Callable[..., Any]]) -> int:
        prepare()(*args)
        tracemalloc.start()
        prepare()(*args)
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return found

    leaves = [*params, *args[1:]]
    compiled = peak(lambda: lambda *_: gpubp.compiler.Plan(plan.recorded)(*leaves))
    eager = peak(lambda: gradient)
    figures = {"planned": plan.peak_bytes, "compiled": compiled, "eager": eager}
    return [f"{name} {found / 2**20:.2f} MiB" for name, found in figures.items()]


def machine(threads: int) -> str:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    names = ("numpy", "torch", "jax", "autograd")
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{platform.machine()}, {threads} of {os.cpu_count()} cores, load before the run "
        f"{load:.1f}; Python {platform.python_version()}, {libraries}"
    )


def main() -> None:
    given = options()
    torch.set_num_threads(given.threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
    print(machine(given.threads))
    skipped = set(filter(None, given.skip.split(",")))
    rows = []
    for name, build in CASES.items():
        if given.only is None or name in given.only.split(","):
            case = build()
            calls = {n: c for n, c in agreed(case).items() if n not in skipped}
            rows.append(row(name, case, measure(calls, given.rounds, given.seconds)))
            print(dict(zip(HEADER, rows[-1], strict=True)), flush=True)
    if given.markdown:
        for cells in [HEADER, ["---"] * len(HEADER), *rows]:
            print("| " + " | ".join(cells) + " |")
    else:
        table = Table(*HEADER, title="Seconds of PyTorch, and ratios to them")
        for cells in rows:
            table.add_row(*cells)
        Console(width=200).print(table)
    if given.only is None:
        print("peak memory of a gradient:", ", ".join(peak_row()))
        print("imports:", ", ".join(import_row(max(3, given.rounds // 3))))


if __name__ == "__main__":
    main()
