"""Eager overhead: gpubp, HIPS/autograd and hand-written NumPy on the same functions, in one run.

    python ci/bench_eager.py [--rounds 60] [--profile grad-f64]

The contestants of a case take turns, one burst each per round, so that a noisy neighbour slows all
of them alike; a ratio is the median over the rounds of one time over the other in the same round.
Before a case is timed, all of its contestants must give the same numbers.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import platform
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import blas_settings

if __name__ == "__main__":
    blas_settings.settle()  # before NumPy is loaded

import autograd
import autograd.numpy as anp
import numpy as np
from rich.console import Console
from rich.table import Table

import gpubp

WIDTH, BATCH = 64, 32
OURS, PEER, EXPERT = "gpubp", "autograd", "by hand"


@dataclass(frozen=True)
class Case:
    """One computation by several contestants, each a call without arguments."""

    name: str
    contestants: dict[str, Callable[[], Any]]
    rtol: float = 1e-12


def network(xp: Any, params: tuple[Any, ...], x: Any, y: Any) -> Any:
    """Mean squared error of two tanh layers, for one example or a batch."""
    w1, b1, w2, b2 = params
    hidden = xp.tanh(x @ w1 + b1)
    out = xp.tanh(hidden @ w2 + b2)
    return xp.mean((out - y) ** 2)


def gpubp_network(params: tuple[Any, ...], x: Any, y: Any) -> Any:
    return network(params[0].__array_namespace__(), params, x, y)


def autograd_network(params: tuple[Any, ...], x: Any, y: Any) -> Any:
    return network(anp, params, x, y)


def deltas(params: tuple[Any, ...], x: Any, y: Any) -> tuple[Any, Any, Any]:
    """The hidden layer's output and both layers' deltas, as one writes them by hand."""
    w1, b1, w2, b2 = params
    hidden = np.tanh(x @ w1 + b1)
    out = np.tanh(hidden @ w2 + b2)
    d2 = (out - y) * (1 - out * out)
    d1 = (d2 @ w2.T) * (1 - hidden * hidden)
    return hidden, d1, d2


def expert_gradient(params: tuple[Any, ...], x: Any, y: Any) -> tuple[Any, ...]:
    hidden, d1, d2 = deltas(params, x, y)
    scale = 2 / y.size
    return tuple(scale * g for g in (x.T @ d1, d1.sum(axis=0), hidden.T @ d2, d2.sum(axis=0)))


def expert_per_example(params: tuple[Any, ...], x: Any, y: Any) -> tuple[Any, ...]:
    hidden, d1, d2 = deltas(params, x, y)
    d1 *= 2 / y.shape[1]
    d2 *= 2 / y.shape[1]
    return x[:, :, None] * d1[:, None, :], d1, hidden[:, :, None] * d2[:, None, :], d2


def expert_jvp(params: tuple[Any, ...], x: Any, y: Any, tangents: tuple[Any, ...]) -> Any:
    w1, b1, w2, b2 = params
    dw1, db1, dw2, db2 = tangents
    hidden = np.tanh(x @ w1 + b1)
    dhidden = (1 - hidden * hidden) * (x @ dw1 + db1)
    out = np.tanh(hidden @ w2 + b2)
    dout = (1 - out * out) * (dhidden @ w2 + hidden @ dw2 + db2)
    error = out - y
    return (error * error).mean(), 2 * (error * dout).mean()


def chain(xp: Any, x: Any) -> Any:
    """Twenty operations on a scalar: what is left is the price of tracing one."""
    for _ in range(10):
        x = xp.sin(x) * 1.5
    return x


def expert_chain_gradient(x: Any) -> Any:
    slope = 1.0
    for _ in range(10):
        slope = 1.5 * np.cos(x) * slope
        x = np.sin(x) * 1.5
    return slope


def network_data(dtype: str) -> tuple[tuple[Any, ...], Any, Any]:
    rng = np.random.default_rng(0)
    shapes = [(WIDTH, WIDTH), (WIDTH,), (WIDTH, WIDTH), (WIDTH,), (BATCH, WIDTH), (BATCH, WIDTH)]
    *params, x, y = ((rng.standard_normal(shape) / 8).astype(dtype) for shape in shapes)
    return tuple(params), x, y


def gradient_case(name: str, dtype: str, rtol: float) -> Case:
    args = network_data(dtype)
    ours, peer = gpubp.grad(gpubp_network), autograd.grad(autograd_network)
    return Case(
        name,
        {
            OURS: lambda: ours(*args),
            PEER: lambda: peer(*args),
            EXPERT: lambda: expert_gradient(*args),
        },
        rtol,
    )


def jvp_case(name: str) -> Case:
    params, x, y = network_data("float64")
    peer = autograd.make_jvp(autograd_network)
    return Case(
        name,
        {
            OURS: lambda: gpubp.jvp(lambda p: gpubp_network(p, x, y), (params,), (params,)),
            PEER: lambda: peer(params, x, y)(params),
            EXPERT: lambda: expert_jvp(params, x, y, params),
        },
    )


def per_example_case(name: str) -> Case:
    """autograd has no vmap: its contestant is the loop that its users write."""
    params, x, y = network_data("float64")
    ours = gpubp.vmap(gpubp.grad(gpubp_network), in_axes=(None, 0, 0))
    peer = autograd.grad(autograd_network)

    def loop() -> tuple[Any, ...]:
        rows = [peer(params, x[i], y[i]) for i in range(BATCH)]
        return tuple(np.stack(leaves) for leaves in zip(*rows, strict=True))

    return Case(
        name,
        {
            OURS: lambda: ours(params, x, y),
            PEER: loop,
            EXPERT: lambda: expert_per_example(params, x, y),
        },
    )


def chain_case(name: str) -> Case:
    x = np.asarray(0.7)
    ours = gpubp.grad(lambda x: chain(x.__array_namespace__(), x))
    peer = autograd.grad(lambda x: chain(anp, x))
    return Case(
        name,
        {
            OURS: lambda: ours(x),
            PEER: lambda: peer(0.7),
            EXPERT: lambda: expert_chain_gradient(0.7),
        },
    )


CASES: dict[str, tuple[str, Callable[[str], Case]]] = {
    "grad-f64": (
        "grad of the network, float64",
        lambda name: gradient_case(name, "float64", 1e-12),
    ),
    "grad-f32": (
        "grad of the network, float32",
        lambda name: gradient_case(name, "float32", 1e-4),
    ),
    "jvp": ("jvp of the network", jvp_case),
    "vmap": ("vmap(grad) of the network", per_example_case),
    "chain": ("grad of 20 scalar operations", chain_case),
}


def leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, tuple | list):
        for item in tree:
            yield from leaves(item)
    else:
        yield tree


def require_agreement(case: Case) -> None:
    results = {name: list(leaves(call())) for name, call in case.contestants.items()}
    expected = results[EXPERT]
    for name, found in results.items():
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(
                np.asarray(a), b, rtol=case.rtol, atol=case.rtol, err_msg=f"{case.name}: {name}"
            )


def burst(call: Callable[[], Any], number: int) -> float:
    """Seconds per call."""
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number


def measure(case: Case, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Seconds per call of each contestant, one figure per round."""
    calls = case.contestants
    numbers = {name: max(1, int(seconds / burst(call, 5))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in range(rounds):
        for name in order:
            times[name].append(burst(calls[name], numbers[name]))
        order.append(order.pop(0))  # whoever runs after the fastest one finds a colder cache
    return times


def import_seconds(rounds: int) -> dict[str, list[float]]:
    """Wall time of a fresh interpreter that imports one module, less that of one that does not."""

    # As for a user who imports it the second time: compiled files are there.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def fresh(statement: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
        return time.perf_counter() - start

    statements = {
        OURS: "import gpubp",
        PEER: "import autograd.numpy",
        EXPERT: "import numpy",
    }
    times: dict[str, list[float]] = {name: [] for name in statements}
    for statement in statements.values():
        fresh(statement)  # compiles
    for _ in range(rounds):
        empty = fresh("pass")
        for name, statement in statements.items():
            times[name].append(fresh(statement) - empty)
    return times


def quartiles(values: list[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high


def row(title: str, times: dict[str, list[float]]) -> list[str]:
    """Medians, and the ratios of `OURS` to the others with their quartiles."""

    def duration(seconds: float) -> str:
        return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-2 else f"{seconds * 1e6:.1f} µs"

    def ratio(other: str) -> str:
        paired = [a / b for a, b in zip(times[OURS], times[other], strict=True)]
        low, middle, high = quartiles(paired)
        return f"{middle:.2f} ({low:.2f} to {high:.2f})"

    medians = [duration(statistics.median(times[name])) for name in (OURS, PEER, EXPERT)]
    return [title, *medians, ratio(PEER), ratio(EXPERT)]


HEADER = ["", OURS, PEER, f"{EXPERT}, NumPy", f"{OURS} / {PEER}", f"{OURS} / {EXPERT}"]


def report(rows: list[list[str]]) -> None:
    table = Table(*HEADER, title="Eager mode: medians, and ratios with their quartiles")
    for cells in rows:
        table.add_row(*cells)
    Console(width=130).print(table)
    print()
    for cells in [HEADER, ["---"] * len(HEADER), *rows]:
        print("| " + " | ".join(cells) + " |")


def machine() -> str:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}; Python "
        f"{platform.python_version()}, NumPy {np.__version__}, autograd {version(PEER)}"
    )


def profile(case: Case, calls: int = 2000) -> None:
    """Where gpubp's time goes in one case, by function."""
    call = case.contestants[OURS]
    call()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(calls):
        call()
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60, help="bursts per contestant")
    parser.add_argument("--seconds", type=float, default=0.02, help="length of a burst")
    parser.add_argument("--only", choices=CASES, help="one case, without the import times")
    parser.add_argument("--profile", choices=CASES, help="profile one case instead of timing")
    options = parser.parse_args()

    if options.profile:
        title, build = CASES[options.profile]
        profile(build(title))
        return
    print(machine())
    rows = []
    for name, (title, build) in CASES.items():
        if options.only in (None, name):
            case = build(title)
            require_agreement(case)
            rows.append(row(title, measure(case, options.rounds, options.seconds)))
    if options.only is None:
        rows.append(row("import, fresh interpreter", import_seconds(max(4, options.rounds // 5))))
    report(rows)


if __name__ == "__main__":
    main()
