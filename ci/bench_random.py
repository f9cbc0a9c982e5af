"""Random numbers against the libraries' own generators, in one run.

    python ci/bench_random.py [--rounds 30]

The two contestants of a case take turns, so that a noisy neighbour slows both alike; a ratio is
the median over the rounds of our time over the other's in the same round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gpubp import random

N = 1_000_000
Contestants = tuple[str, Callable[[], Any], Callable[[], Any]]


def cases() -> list[Contestants]:
    """Name, ours, theirs: NumPy's Generator(Philox), torch's default generator (on one thread)."""
    theirs = np.random.Generator(np.random.Philox(0))
    k, t = random.key(0, "numpy"), random.key(0, "torch")
    many = random.split(k, 10_000)
    return [
        ("numpy bits", lambda: random.bits(k, N), lambda: theirs.integers(0, 2**32, N, "uint32")),
        *(
            case
            for dtype in ("float32", "float64")
            for case in (
                (
                    f"numpy uniform {dtype}",
                    lambda dtype=dtype: random.uniform(k, N, dtype),
                    lambda dtype=dtype: theirs.random(N, dtype),
                ),
                (
                    f"numpy normal {dtype}",
                    lambda dtype=dtype: random.normal(k, N, dtype),
                    lambda dtype=dtype: theirs.standard_normal(N, dtype),
                ),
            )
        ),
        ("numpy bernoulli", lambda: random.bernoulli(k, 0.1, N), lambda: theirs.random(N) < 0.1),
        (
            "numpy randint",
            lambda: random.randint(k, N, 0, 1000),
            lambda: theirs.integers(0, 1000, N),
        ),
        ("numpy permutation", lambda: random.permutation(k, N), lambda: theirs.permutation(N)),
        ("numpy split in 2", lambda: random.split(k), lambda: theirs.spawn(2)),
        ("numpy fold_in", lambda: random.fold_in(k, 1), lambda: theirs.spawn(1)),
        (
            "numpy uniform of 32 x 64",
            lambda: random.uniform(k, (32, 64), "float32"),
            lambda: theirs.random((32, 64), "float32"),
        ),
        (
            "numpy uniform of 64, 10000 keys",
            lambda: random.uniform(many, 64, "float32"),
            lambda: theirs.random((10_000, 64), "float32"),
        ),
        ("torch uniform", lambda: random.uniform(t, N, "float32"), lambda: torch.rand(N)),
        ("torch normal", lambda: random.normal(t, N, "float32"), lambda: torch.randn(N)),
        (
            "torch uniform of 32 x 64",
            lambda: random.uniform(t, (32, 64), "float32"),
            lambda: torch.rand(32, 64),
        ),
        ("torch split in 2", lambda: random.split(t), lambda: torch.Generator().manual_seed(0)),
    ]


def seconds(f: Callable[[], Any]) -> float:
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    table = Table("case (a million, if no size is given)", "ours", "theirs", "ratio")
    for name, ours, theirs in cases():
        ours(), theirs()
        times = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
        mine, other = (min(column) for column in zip(*times, strict=True))
        ratio = statistics.median(a / b for a, b in times)
        table.add_row(name, f"{mine * 1e6:,.0f} us", f"{other * 1e6:,.0f} us", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
