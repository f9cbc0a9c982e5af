"""Gradients of layers on NumPy: each composite as one primitive, against the same as its parts.

    python ci/bench_fused.py [--rounds 30]

The contestants take turns, one burst each per round; a ratio is the median over the rounds of one
time over the other in the same round. `expected` was written down before the first run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import gpubp
from gpubp import losses, nn, random
from gpubp.nn import attention
from gpubp.rules.fused.composite import Composite

KEY = random.key(0, "numpy")
WHOLE, PARTS = "one primitive", "its parts"


class Case(NamedTuple):
    name: str
    gradient: Callable[[], Any]
    expected: str


def draw(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def of_weighted_sum(f: Callable[[Any], Any], *shape: int) -> Callable[[], Any]:
    """The gradient by x of sum(f(x) * weights)."""
    x, weights = draw(*shape), draw(*shape)
    gradient = gpubp.grad(lambda x: (f(x) * weights).sum())
    return lambda: gradient(x)


def cross_entropy(*shape: int) -> Callable[[], Any]:
    x = draw(*shape)
    target = np.random.default_rng(0).integers(0, shape[-1], shape[:-1])
    gradient = gpubp.grad(lambda x: losses.cross_entropy(x, target))
    return lambda: gradient(x)


def network(activation: Any, sizes: list[int], batch: int) -> Callable[[], Any]:
    model = nn.MLP(sizes, key=KEY, activation=activation)
    x, y = draw(batch, sizes[0]), draw(batch, sizes[-1])
    gradient = gpubp.grad(lambda model: losses.mse(model(x), y))
    return lambda: gradient(model)


def self_attention(examples: int, length: int, causal: bool) -> Callable[[], Any]:
    x = draw(examples, length, 32)
    gradient = gpubp.grad(lambda x: nn.dot_product_attention(x, x, x, causal=causal).sum())
    return lambda: gradient(x)


def cases() -> list[Case]:
    drop = nn.Dropout(0.1)
    return [
        Case("softmax 32 x 10", of_weighted_sum(nn.softmax, 32, 10), "0.6"),
        Case("softmax 128 x 1000", of_weighted_sum(nn.softmax, 128, 1000), "0.7"),
        Case("log_softmax 128 x 1000", of_weighted_sum(nn.log_softmax, 128, 1000), "0.8"),
        Case("cross-entropy 32 x 10", cross_entropy(32, 10), "0.6"),
        Case("cross-entropy 128 x 1000", cross_entropy(128, 1000), "0.8"),
        Case("LayerNorm 32 x 64", of_weighted_sum(nn.LayerNorm(64, affine=False), 32, 64), "0.5"),
        Case(
            "LayerNorm 512 x 768",
            of_weighted_sum(nn.LayerNorm(768, affine=False), 512, 768),
            "0.4",
        ),
        Case("dropout 128 x 256", of_weighted_sum(lambda x: drop(x, key=KEY), 128, 256), "1.0"),
        Case("MLP 64-32-10, relu", network(nn.relu, [64, 32, 10], 32), "0.9"),
        Case("MLP 784-128-10, relu", network(nn.relu, [784, 128, 10], 64), "0.9"),
        Case("MLP 784-128-10, gelu", network(nn.gelu, [784, 128, 10], 64), "0.8"),
        Case("attention 8 x 256", self_attention(8, 256, False), "0.8"),
        Case("attention 8 x 512, causal", self_attention(8, 512, True), "0.5"),
    ]


def taken_apart(gradient: Callable[[], Any]) -> Callable[[], Any]:
    """The same with composites taken apart wherever they are called, attention holding its scores.

    By hand, as a patch by unittest.mock takes a tenth of the shortest gradient's time.
    """

    def run() -> Any:
        long = attention.LONG
        attention.LONG = 1 << 62
        # mypy wants methods to stay what they are
        Composite.__call__ = Composite.decompose  # type: ignore[assignment, method-assign]
        try:
            return gradient()
        finally:
            attention.LONG = long
            del Composite.__call__  # what it inherits comes back

    return run


def measure(calls: list[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """CPU seconds per call of each, one figure per round: others on the machine count for less."""

    def burst(call: Callable[[], Any], number: int) -> float:
        start = time.process_time()
        for _ in range(number):
            call()
        return (time.process_time() - start) / number

    numbers = [max(1, int(0.02 / burst(call, 2))) for call in calls]
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, number, found in zip(calls, numbers, times, strict=True):
            found.append(burst(call, number))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30, help="bursts per contestant")
    options = parser.parse_args()
    table = Table("gradient of", WHOLE, PARTS, "ratio (quartiles)", "expected")
    for case in cases():
        contestants = {WHOLE: case.gradient, PARTS: taken_apart(case.gradient)}
        found, expected = (gpubp.core.tree.leaves(run()) for run in contestants.values())
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4, err_msg=case.name)
        whole, apart = measure(list(contestants.values()), options.rounds)
        low, middle, high = np.percentile(np.divide(whole, apart), [25, 50, 75])
        medians = [f"{1e6 * float(np.median(times)):.0f} µs" for times in (whole, apart)]
        ratio = f"{middle:.2f} ({low:.2f} to {high:.2f})"
        table.add_row(case.name, *medians, ratio, case.expected)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
