"""Fused kernels as machine code against NumPy, PyTorch and JAX, in one run, float32.

    python ci/bench_kernels.py [--rounds 15] [--seconds 0.1]

The contestants of a case take turns, so that a noisy neighbour slows all alike. A time is that of
the fastest call: on a machine that others use, a median would measure them, above all where two
threads wait for each other. The medians over the rounds stand in the second table. ``copy`` moves
as many bytes as the kernel must, by NumPy, on one thread: what a kernel that computed nothing would
take there.

Predicted before measuring, as ratios of ours on two threads: bias + tanh .06, softmax
cross-entropy .5, Adam .8 (memory bounds it), exp .25, 60 operations .25.

Fastest calls of four runs in us, on two cores of an AMD EPYC (Zen 4, AVX-512) with a load of 8 to
16 from other processes. Two threads need both cores for a whole call: where a star stands they had
not, and the columns of one thread are the ones to compare.

============================== ======= ======= ======= ======== ======= ======= =======
kernel                          ours 2  ours 1   NumPy  torch 2 torch 1     JAX    copy
============================== ======= ======= ======= ======== ======= ======= =======
bias + tanh 512x2048               135     267     643    1,416   2,784     205      88
softmax cross-entropy 512x1000     108     213     919      321     556     347      65
Adam, 4M parameters (fused)      1,462   1,855  18,032    1,337   2,470   7,419   4,202
exp 1M                              90     174     448      419     814     271      84
60 operations on 1M             8,599*  10,022  18,003 155,755*  50,915 56,087*      84
============================== ======= ======= ======= ======== ======= ======= =======

Ratios to PyTorch on two threads: .10, .34, 1.09, .21; of one thread to one: .10, .38, .75, .21,
.20. Adam is what missed its prediction: PyTorch's fused form moves no more bytes than ours, and
both wait for memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

# Of the contestants only NumPy's copy would use it, and only by waiting for its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import jax.numpy as jnp
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step
from gpubp_numpy import native

F = "float32"
rng = np.random.default_rng(0)


class Case(NamedTuple):
    """One kernel: its arrays, how each library writes it, and what ours is made of.

    ``inplace``: for each output, the array that it overwrites, or None for a new one.
    """

    name: str
    arrays: list[Any]
    formula: Callable[..., Any]  # of a module and arrays: jax.numpy, torch
    tiles: Callable[..., None]  # of NumPy arrays and outputs, with out= and in place
    steps: list[Step]
    outputs: list[int]
    inplace: list[int | None]


def step(op: str, *args: Any, over: tuple[int, ...] = ()) -> Step:
    return Step(op, tuple(Literal(a) if type(a) is float else a for a in args), F, over)


def draw(*shape: int) -> Any:
    return rng.normal(size=shape).astype(F)


def bias_tanh() -> Case:
    def formula(xp: Any, x: Any, b: Any) -> Any:
        return xp.tanh(x + b)

    def tiles(x: Any, b: Any, y: Any) -> None:
        for i in range(0, len(x), 16):
            np.add(x[i : i + 16], b, out=y[i : i + 16])
            np.tanh(y[i : i + 16], out=y[i : i + 16])

    arrays = [draw(512, 2048), draw(2048)]
    steps = [step("add", 0, 1), step("tanh", 2)]
    return Case("bias + tanh 512x2048", arrays, formula, tiles, steps, [3], [None])


def cross_entropy() -> Case:
    """The loss and its gradient, for one-hot targets."""
    n, classes = 512, 1000

    def formula(xp: Any, x: Any, t: Any) -> Any:
        shifted = x - (x.amax(1, keepdim=True) if xp is torch else x.max(1, keepdims=True))
        powers = xp.exp(shifted)
        total = powers.sum(1)[:, None]
        loss = (t * (xp.log(total) - shifted)).sum() / n
        return loss, (powers / total - t) / n

    def tiles(x: Any, t: Any, loss: Any, gradient: Any) -> None:
        loss[...] = 0
        for i in range(0, n, 32):
            part, target = gradient[i : i + 32], t[i : i + 32]
            np.subtract(x[i : i + 32], x[i : i + 32].max(1, keepdims=True), out=part)
            chosen = np.einsum("ij,ij", target, part)
            np.exp(part, out=part)
            total = part.sum(1, keepdims=True)
            loss += np.log(total).sum() - chosen
            np.divide(part, total, out=part)
            np.subtract(part, target, out=part)
            np.multiply(part, np.float32(1 / n), out=part)
        loss /= n

    labels = rng.integers(0, classes, n)
    arrays = [5 * draw(n, classes), np.eye(classes, dtype=F)[labels]]
    steps = [
        step("max", 0, over=(1,)),
        step("subtract", 0, 2),
        step("exp", 3),
        step("sum", 4, over=(1,)),
        step("log", 5),
        step("subtract", 6, 3),
        step("multiply", 1, 7),
        step("multiply", 8, 1.0 / n),
        step("sum", 9, over=(0, 1)),
        step("divide", 4, 5),
        step("subtract", 11, 1),
        step("multiply", 12, 1.0 / n),
    ]
    name = "softmax cross-entropy 512x1000"
    return Case(name, arrays, formula, tiles, steps, [10, 13], [None, None])


def adam() -> Case:
    n, b1, b2, rate, epsilon, c1, c2 = 4_000_000, 0.9, 0.999, 1e-3, 1e-8, 0.1, 0.001

    def formula(xp: Any, g: Any, m: Any, v: Any, p: Any) -> Any:
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        return m, v, p - rate * (m / c1) / (xp.sqrt(v / c2) + epsilon)

    def tiles(g: Any, m: Any, v: Any, p: Any, *outputs: Any) -> None:
        size = 16_384
        a = np.empty(size, F)
        for i in range(0, n, size):
            gi, mi, vi, pi = (x[i : i + size] for x in (g, m, v, p))
            ai = a[: len(gi)]
            np.multiply(mi, np.float32(b1), out=mi)
            np.multiply(gi, np.float32(1 - b1), out=ai)
            np.add(mi, ai, out=mi)
            np.multiply(vi, np.float32(b2), out=vi)
            np.multiply(gi, gi, out=ai)
            np.multiply(ai, np.float32(1 - b2), out=ai)
            np.add(vi, ai, out=vi)
            np.multiply(vi, np.float32(1 / c2), out=ai)
            np.sqrt(ai, out=ai)
            np.add(ai, np.float32(epsilon), out=ai)
            np.divide(mi, ai, out=ai)
            np.multiply(ai, np.float32(rate / c1), out=ai)
            np.subtract(pi, ai, out=pi)

    steps = [
        step("multiply", 1, b1),
        step("multiply", 0, 1 - b1),
        step("add", 4, 5),
        step("multiply", 2, b2),
        step("multiply", 0, 0),
        step("multiply", 8, 1 - b2),
        step("add", 7, 9),
        step("multiply", 10, 1 / c2),
        step("sqrt", 11),
        step("add", 12, epsilon),
        step("divide", 6, 13),
        step("multiply", 14, rate / c1),
        step("subtract", 3, 15),
    ]
    arrays = [draw(n), draw(n), draw(n) ** 2, draw(n)]
    return Case("Adam, 4M parameters", arrays, formula, tiles, steps, [6, 10, 16], [1, 2, 3])


def exponential() -> Case:
    def tiles(x: Any, y: Any) -> None:
        np.exp(x, out=y)

    arrays = [draw(1_000_000)]
    return Case("exp 1M", arrays, lambda xp, x: xp.exp(x), tiles, [step("exp", 0)], [1], [None])


def sixty() -> Case:
    cycle: list[tuple[str, tuple[float, ...]]] = [
        ("tanh", ()),
        ("multiply", (0.5,)),
        ("sin", ()),
        ("add", (0.25,)),
        ("exp", ()),
        ("negative", ()),
    ]
    chain = [cycle[i % 6] for i in range(60)]

    def formula(xp: Any, x: Any) -> Any:
        for op, numbers in chain:
            x = getattr(xp, op)(x, *numbers)
        return x

    def tiles(x: Any, y: Any) -> None:
        size = 16_384
        for i in range(0, len(x), size):
            part = y[i : i + size]
            np.copyto(part, x[i : i + size])
            for op, numbers in chain:
                getattr(np, op)(part, *numbers, out=part)

    steps = [step(op, i, *numbers) for i, (op, numbers) in enumerate(chain)]
    return Case("60 operations on 1M", [draw(1_000_000)], formula, tiles, steps, [60], [None])


def outputs(case: Case) -> list[Any]:
    """New arrays for what is not written in place."""
    found = []
    for value, place in zip(case.outputs, case.inplace, strict=True):
        over = case.steps[value - len(case.arrays)].over
        found.append(np.empty(() if over else case.arrays[0].shape, F) if place is None else None)
    return found


def ours(case: Case, threads: int) -> Callable[[], None]:
    shape = case.arrays[0].shape

    def operand(x: Any) -> Operand:
        strides = np.broadcast_to(x, shape).strides
        return Operand(F, tuple(s // 4 for s in strides))

    buffers, places = list(case.arrays), list(range(len(case.arrays)))
    written = []
    for value, y, place in zip(case.outputs, outputs(case), case.inplace, strict=True):
        target = case.arrays[place] if y is None and place is not None else y
        written.append((value, operand(target)))
        places.append(len(buffers) if place is None else place)
        if y is not None:
            buffers.append(y)
    kernel = Kernel(shape, tuple(map(operand, case.arrays)), tuple(case.steps), tuple(written))
    run = native.segment([native.Call(kernel, tuple(places))])
    table = np.array([b.ctypes.data for b in buffers], np.uintp)
    address, run.shares = table.ctypes.data, threads > 1

    def call(_kept: Any = (table, buffers)) -> None:
        run(address)

    return call


def numpy_tiles(case: Case) -> Callable[[], None]:
    arrays = [a.copy() for a in case.arrays]
    targets = [y for y in outputs(case) if y is not None]
    return lambda: case.tiles(*arrays, *targets)


def torch_eager(case: Case, threads: int) -> Callable[[], None]:
    run = _torch(case)

    def on_threads() -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        run()

    return on_threads


def _torch(case: Case) -> Callable[[], Any]:
    arrays = [torch.from_numpy(a.copy()) for a in case.arrays]
    if case.name.startswith("softmax"):
        labels = arrays[1].argmax(1)

        def both() -> None:
            x = arrays[0].detach().requires_grad_()
            torch.nn.functional.cross_entropy(x, labels).backward()

        return both
    if case.name.startswith("Adam"):
        parameter = torch.nn.Parameter(arrays[3])
        parameter.grad = arrays[0]
        optimiser = torch.optim.Adam([parameter], fused=True)
        return lambda: optimiser.step()
    return lambda: case.formula(torch, *arrays)


def jax_jit(case: Case) -> Callable[[], None]:
    arrays = [jnp.asarray(a) for a in case.arrays]
    run = jax.jit(lambda *a: case.formula(jnp, *a))
    return lambda: jax.block_until_ready(run(*arrays))


def copying(case: Case) -> Callable[[], None]:
    moved = sum(a.nbytes for a in case.arrays)
    moved += sum(case.arrays[0].nbytes for v in case.outputs if not is_number(case, v))
    a, b = np.ones(moved // 2, np.uint8), np.ones(moved // 2, np.uint8)
    return lambda: np.copyto(b, a)


def is_number(case: Case, value: int) -> bool:
    return bool(case.steps[value - len(case.arrays)].over)


def fastest(f: Callable[[], Any], seconds: float) -> float:
    found, end = float("inf"), time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        f()
        now = time.perf_counter()
        found = min(found, now - start)
        if now > end:
            return found


CASES = (bias_tanh, cross_entropy, adam, exponential, sixty)
BASE = "PyTorch, 2 threads"


def contestants(case: Case) -> dict[str, Callable[[], Any]]:
    return {
        "ours, 2 threads": ours(case, 2),
        "ours, 1 thread": ours(case, 1),
        "NumPy out= in tiles": numpy_tiles(case),
        BASE: torch_eager(case, 2),
        "PyTorch, 1 thread": torch_eager(case, 1),
        "JAX jit": jax_jit(case),
        "copy": copying(case),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.1, help="for each contestant per round")
    parser.add_argument("--only", nargs="*", help="names of cases, or their beginnings")
    options = parser.parse_args()
    tables: dict[str, Callable[[list[float]], float]] = {
        "fastest call, as a ratio to PyTorch eager on 2 threads (and us)": min,
        "medians over the rounds, likewise": statistics.median,
    }
    shown = [Table("kernel", title=title) for title in tables]
    cases = [make() for make in CASES]
    if options.only:
        cases = [c for c in cases if c.name.lower().startswith(tuple(options.only))]
    for number, case in enumerate(cases):
        runs = contestants(case)
        times: dict[str, list[float]] = {name: [] for name in runs}
        for run in runs.values():
            run()
        for _ in range(options.rounds):
            for name, run in runs.items():
                times[name].append(fastest(run, options.seconds))
        for table, best in zip(shown, tables.values(), strict=True):
            found = {name: best(t) for name, t in times.items()}
            if number == 0:
                for name in runs:
                    table.add_column(name, justify="right")
            cells = [f"{t / found[BASE]:.2f} ({t * 1e6:,.0f})" for t in found.values()]
            table.add_row(case.name, *cells)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    Console(width=160).print(*shown, f"{os.cpu_count()} processors, load {load:.1f}")


if __name__ == "__main__":
    main()
