"""gpubp on a GPU beside CuPy, PyTorch and JAX, as far as they are installed with CUDA.

    python ci/bench_gpu.py [--rounds 30] [--small] [--no-times]

The contestants of a case take turns, a burst each per round, so that heat and neighbours slow all
of them alike; a ratio is the median over the rounds of one time over the other in the same round. A
burst ends when the device is done. Before a case is timed, all of its contestants must give the
same numbers. float32 products are exact float32 for all of them: no TF32.

What is expected, written down before any GPU was measured, as gpubp's time over the other's:
training step compiled / PyTorch eager 0.5, / JAX 1.2; eager / PyTorch eager 2; products / CuPy's
0.7, / PyTorch's 1.1; cross-entropy gradient compiled / PyTorch 0.7; per-example gradients compiled
/ torch.func 1.0.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the others need memory too

import numpy as np

import gpubp
from gpubp import losses, nn, optim
from gpubp.core.backend import get_backend

OURS = "gpubp"
BURST_SECONDS = 0.05


class Contestant(NamedTuple):
    """``run`` starts the work and returns an array; ``wait`` returns when it is done."""

    run: Callable[[], Any]
    wait: Callable[[Any], Any]
    to_numpy: Callable[[Any], np.ndarray]


class Sizes(NamedTuple):
    """How large the cases are."""

    batch: int
    widths: tuple[int, ...]
    stack: int
    matrix: int
    rows: int
    classes: int


REAL = Sizes(128, (784, 1024, 1024, 10), 64, 256, 8192, 1000)
SMALL = Sizes(8, (12, 16, 16, 10), 3, 8, 16, 10)
Case = tuple[str, dict[str, Callable[[], Contestant]]]


def ours(run: Callable[[], Any]) -> Contestant:
    backend = get_backend("cupy")
    return Contestant(run, lambda y: backend.synchronize(), backend.to_numpy)


def of_torch(run: Callable[[], Any]) -> Contestant:
    import torch

    def wait(y: Any) -> None:
        if torch_device() == "cuda":
            torch.cuda.synchronize()

    return Contestant(run, wait, lambda y: y.detach().cpu().numpy())


def of_jax(run: Callable[[], Any]) -> Contestant:
    return Contestant(run, lambda y: y.block_until_ready(), np.asarray)


# Data, the same for all


def network(sizes: Sizes) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights and biases in turn, inputs and labels."""
    rng = np.random.default_rng(0)
    params = []
    for fan_in, fan_out in zip(sizes.widths, sizes.widths[1:], strict=False):
        scale = np.sqrt(2 / fan_in)
        params.append((scale * rng.standard_normal((fan_in, fan_out))).astype("float32"))
        params.append(np.zeros(fan_out, "float32"))
    x = rng.standard_normal((sizes.batch, sizes.widths[0])).astype("float32")
    return params, x, rng.integers(0, sizes.widths[-1], sizes.batch)


def forward(params: Any, x: Any, relu: Callable[[Any], Any]) -> Any:
    layers = list(zip(params[::2], params[1::2], strict=True))
    for w, b in layers[:-1]:
        x = relu(x @ w + b)
    w, b = layers[-1]
    return x @ w + b


# A training step: the network, softmax cross-entropy, Adam


def our_step(sizes: Sizes, compiled: bool) -> Contestant:
    backend = get_backend("cupy")
    host, x, y = network(sizes)
    optimiser = optim.adam(1e-3)
    params = [backend.asarray(p) for p in host]
    x, y = backend.asarray(x), backend.asarray(y)
    state = optimiser.init(params)

    def loss(params: Any, x: Any, y: Any) -> Any:
        return losses.cross_entropy(forward(params, x, nn.relu), y)

    def step(params: Any, state: Any, x: Any, y: Any) -> Any:
        value, grads = gpubp.value_and_grad(loss)(params, x, y)
        updates, state = optimiser.update(grads, state, params)
        return optim.apply_updates(params, updates), state, value

    update: Any = gpubp.compile(step, donate=(0, 1)) if compiled else step

    def run() -> Any:
        nonlocal params, state
        params, state, value = update(params, state, x, y)
        return value

    return ours(run)


def torch_step(sizes: Sizes, compiled: bool) -> Contestant:
    import torch

    host, x, y = network(sizes)
    params = [torch.tensor(p, device=torch_device(), requires_grad=True) for p in host]
    images, labels = torch.tensor(x, device=torch_device()), torch.tensor(y, device=torch_device())
    optimiser = torch.optim.Adam(params, 1e-3)

    def loss(x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(forward(params, x, torch.relu), y)

    objective: Any = torch.compile(loss) if compiled else loss

    def run() -> Any:
        optimiser.zero_grad(set_to_none=True)
        value = objective(images, labels)
        value.backward()
        optimiser.step()
        return value

    return of_torch(run)


def jax_step(sizes: Sizes) -> Contestant:
    import jax
    import jax.numpy as jnp

    host, x, y = network(sizes)
    params = [jnp.asarray(p) for p in host]
    images, labels = jnp.asarray(x), jnp.asarray(y)
    state = ([jnp.zeros_like(p) for p in params], [jnp.zeros_like(p) for p in params], 0)

    def loss(params: Any) -> Any:
        logs = jax.nn.log_softmax(forward(params, images, jax.nn.relu))
        return -jnp.mean(jnp.take_along_axis(logs, labels[:, None], 1))

    @jax.jit
    def step(params: Any, state: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params)
        mean, square, count = state
        count += 1
        mean = [0.9 * m + 0.1 * g for m, g in zip(mean, grads, strict=True)]
        square = [0.999 * s + 0.001 * g * g for s, g in zip(square, grads, strict=True)]
        params = [
            p - 1e-3 * (m / (1 - 0.9**count)) / (jnp.sqrt(s / (1 - 0.999**count)) + 1e-8)
            for p, m, s in zip(params, mean, square, strict=True)
        ]
        return params, (mean, square, count), value

    def run() -> Any:
        nonlocal params, state
        params, state, value = step(params, state)
        return value

    return of_jax(run)


# Stacks of products with a transposed factor


def stacks(sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    shape = (sizes.stack, sizes.matrix, sizes.matrix)
    a, b = (rng.standard_normal(shape).astype("float32") for _ in range(2))
    return a, b


def our_product(sizes: Sizes) -> Contestant:
    backend = get_backend("cupy")
    a, b = map(backend.asarray, stacks(sizes))
    matmul = backend.kernels["matmul"]
    return ours(lambda: matmul(a.swapaxes(1, 2), b))


def cupy_product(sizes: Sizes) -> Contestant:
    a, b = map(get_backend("cupy").asarray, stacks(sizes))
    return ours(lambda: a.swapaxes(1, 2) @ b)


def torch_product(sizes: Sizes) -> Contestant:
    import torch

    a, b = (torch.tensor(x, device=torch_device()) for x in stacks(sizes))
    return of_torch(lambda: a.transpose(1, 2) @ b)


# The gradient of softmax cross-entropy by the logits


def logits(sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    z = rng.standard_normal((sizes.rows, sizes.classes)).astype("float32")
    return z, rng.integers(0, sizes.classes, sizes.rows)


def our_cross_entropy(sizes: Sizes, compiled: bool) -> Contestant:
    z, y = map(get_backend("cupy").asarray, logits(sizes))
    gradient: Any = gpubp.grad(losses.cross_entropy)
    gradient = gpubp.compile(gradient) if compiled else gradient
    return ours(lambda: gradient(z, y))


def torch_cross_entropy(sizes: Sizes) -> Contestant:
    import torch

    host, labels = logits(sizes)
    z = torch.tensor(host, device=torch_device(), requires_grad=True)
    y = torch.tensor(labels, device=torch_device())

    def run() -> Any:
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(z, y), z)
        return gradient

    return of_torch(run)


def jax_cross_entropy(sizes: Sizes) -> Contestant:
    import jax
    import jax.numpy as jnp

    z, y = map(jnp.asarray, logits(sizes))

    def loss(z: Any) -> Any:
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1))

    gradient = jax.jit(jax.grad(loss))
    return of_jax(lambda: gradient(z))


# The gradient of every example's loss by the first layer's weights


def our_per_example(sizes: Sizes, compiled: bool) -> Contestant:
    backend = get_backend("cupy")
    host, x, y = network(sizes)
    params = [backend.asarray(p) for p in host]
    x, y = backend.asarray(x), backend.asarray(y)

    def loss(params: Any, x: Any, y: Any) -> Any:
        return losses.cross_entropy(forward(params, x, nn.relu), y)

    gradients: Any = gpubp.vmap(gpubp.grad(loss), in_axes=(None, 0, 0))
    gradients = gpubp.compile(gradients) if compiled else gradients
    return ours(lambda: gradients(params, x, y)[0])


def torch_per_example(sizes: Sizes) -> Contestant:
    import torch

    host, images, labels = network(sizes)
    params = [torch.tensor(p, device=torch_device()) for p in host]
    x, y = torch.tensor(images, device=torch_device()), torch.tensor(labels, device=torch_device())

    def loss(params: Any, x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(forward(params, x, torch.relu), y)

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    return of_torch(lambda: gradients(params, x, y)[0])


def cases(sizes: Sizes) -> list[Case]:
    """Every case, with all of its contestants."""
    return [
        (
            "training step of an MLP with Adam",
            {
                f"{OURS} compiled": lambda: our_step(sizes, compiled=True),
                f"{OURS} eager": lambda: our_step(sizes, compiled=False),
                "torch eager": lambda: torch_step(sizes, compiled=False),
                "torch.compile": lambda: torch_step(sizes, compiled=True),
                "jax jit": lambda: jax_step(sizes),
            },
        ),
        (
            "stack of products, one factor transposed",
            {
                OURS: lambda: our_product(sizes),
                "cupy": lambda: cupy_product(sizes),
                "torch": lambda: torch_product(sizes),
            },
        ),
        (
            "gradient of softmax cross-entropy",
            {
                f"{OURS} compiled": lambda: our_cross_entropy(sizes, compiled=True),
                f"{OURS} eager": lambda: our_cross_entropy(sizes, compiled=False),
                "torch eager": lambda: torch_cross_entropy(sizes),
                "jax jit": lambda: jax_cross_entropy(sizes),
            },
        ),
        (
            "per-example gradients of an MLP",
            {
                f"{OURS} compiled": lambda: our_per_example(sizes, compiled=True),
                f"{OURS} eager": lambda: our_per_example(sizes, compiled=False),
                "torch.func": lambda: torch_per_example(sizes),
            },
        ),
    ]


def torch_device() -> str:
    """Where PyTorch computes: without CUDA, numbers to compare with, and no times."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def peers(timed: bool) -> set[str]:
    """Those of PyTorch and JAX that are installed, with CUDA where times are taken."""
    found = set()
    if importlib.util.find_spec("torch") and (not timed or torch_device() == "cuda"):
        found.add("torch")
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
        if not timed or jax.default_backend() == "gpu":
            found.add("jax")
    return found


def check(name: str, contestants: dict[str, Contestant]) -> None:
    """Raise unless all contestants of a case give the same numbers, three times over."""
    for _ in range(3):  # the second call of a compiled function is the first that is replayed
        values = {who: c.to_numpy(c.run()) for who, c in contestants.items()}
        first, expected = next(iter(values.items()))
        for who, found in values.items():
            scale = np.max(np.abs(expected))
            np.testing.assert_allclose(
                found, expected, rtol=1e-3, atol=1e-3 * scale, err_msg=f"{name}: {who} and {first}"
            )


def times(contestants: dict[str, Contestant], rounds: int) -> dict[str, list[float]]:
    """Seconds a call, one entry a round."""

    def burst(contestant: Contestant, calls: int) -> float:
        began = time.perf_counter()
        for _ in range(calls - 1):
            contestant.run()
        contestant.wait(contestant.run())
        return (time.perf_counter() - began) / calls

    calls = {who: max(1, int(BURST_SECONDS / burst(c, 3))) for who, c in contestants.items()}
    found: dict[str, list[float]] = {who: [] for who in contestants}
    for _ in range(rounds):
        for who, contestant in contestants.items():
            found[who].append(burst(contestant, calls[who]))
    return found


def measure(sizes: Sizes, rounds: int) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """Every case's times; none for no rounds, after the numbers were found to agree."""
    here = peers(timed=rounds > 0) | {OURS, "cupy"}
    for name, makers in cases(sizes):
        contestants = {
            who: make() for who, make in makers.items() if re.split(r"\W", who)[0] in here
        }
        check(name, contestants)
        yield name, times(contestants, rounds) if rounds else {who: [] for who in contestants}


def lines(name: str, found: dict[str, list[float]]) -> Iterator[str]:
    """A case as rows of a table in Markdown; times only where some were taken."""
    (first, fastest), *_ = found.items()
    for who, seconds in found.items():
        if not seconds:
            yield f"| {name} | {who} | agrees | |"
            continue
        ratio = statistics.median(a / b for a, b in zip(seconds, fastest, strict=True))
        text = f"{statistics.median(seconds) * 1e6:,.0f} us"
        yield f"| {name} | {who} | {text} | {ratio:.2f} of {first} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--small", action="store_true", help="sizes for an emulated device")
    parser.add_argument(
        "--no-times", action="store_true", help="only see whether the numbers agree"
    )
    options = parser.parse_args()
    print("| case | contestant | median | ratio |\n| --- | --- | --- | --- |")
    rounds = 0 if options.no_times else options.rounds
    for name, found in measure(SMALL if options.small else REAL, rounds):
        for line in lines(name, found):
            print(line)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
