"""A training step of a small convolution net by gpubp, PyTorch, JAX and hand-written NumPy.

    python ci/bench_convolution.py [--rounds 30] [--threads 1 2]

Batch 32 of 1 x 28 x 28; convolution 3 x 3 to 16 channels, ReLU, maximum over 2 x 2, the same to 32
channels, dense to 10, softmax cross-entropy, Adam; float32. Each contestant lives in a process of
its own, so that the threads one of them leaves spinning are not in another's way, and they take
turns, a burst each per round: a ratio is the median over the rounds of one time over the other in
the same round. "products" is the matrix products alone that a step needs, on arrays laid out for
them: nothing built on NumPy's BLAS can be faster. Before anything is timed, all contestants must
reach the same loss after three steps.

Found on two cores of an EPYC of the Zen 4 kind (AVX-512) under Linux, with NumPy 2.4 (OpenBLAS),
PyTorch 2.13 and JAX 0.10, on one thread with padding 1, as ratios to PyTorch on one thread. What
was predicted, from the products' time and the bytes that the rest moves, is for two threads:

| | predicted | found (quartiles) | least ms |
| --- | --- | --- | --- |
| gpubp compiled | 0.55 | 0.39 (0.34 to 0.55) | 3.7 |
| the same without llvmlite | 0.9 | 0.82 (0.81 to 0.92) | |
| gpubp eager | 0.8 | 1.30 (1.19 to 1.50) | |
| JAX jit | 3.5 | 1.28 (1.16 to 1.39) | |
| NumPy by hand | 0.75 | 1.65 (1.50 to 2.04) | |
| products | 0.2 | 0.28 (0.25 to 0.32) | 2.3 |

The machine was shared, with 6 to 14 processes ready to run for its two cores: times of one round
vary by a factor of three, ratios as the quartiles say; the least times come from quieter moments.
On two threads the same load makes the threads of OpenBLAS and PyTorch wait for each other (100 to
600 ms a step, where a quiet machine took PyTorch 5.9 to 7.0), so no ratio of two threads is given;
gpubp's own compiled step, whose helper thread nobody waits for, took 23 ms then.

Where the compiled step's time goes, by its parts alone on one core: products 2.3 ms of 3.2, of
which the second convolution's weights 1.1 (0.7 as one large product, but that wants the images
side by side, and to bring them there takes what it saves); pooling 0.2; laying windows out 0.2.
Tried and left: whole windows laid out instead of their columns (10 to 30 % slower from 4 channels
on), channels last (two transpositions more: 0.9 ms for 0.6), and, by arithmetic alone, Winograd's
F(2 x 2, 3 x 3), which saves 0.3 ms of each product of 0.55 for transformations that write four
times the images and twice the results.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from blas_settings import OVERRIDES, THREADS

BATCH, SIZE, WIDTHS, CLASSES = 32, 28, (16, 32), 10
RATE, B1, B2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
STEPS = 3  # before the losses are compared

Step = Callable[[], Any]  # one training step; its result is the loss, where there is one


def data(padding: int) -> tuple[dict[str, Any], Any, Any]:
    """Parameters, images and labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    size = SIZE
    for _ in WIDTHS:
        size = (size + 2 * padding - 2) // 2
    shapes = {
        "w1": (WIDTHS[0], 1, 3, 3),
        "w2": (WIDTHS[1], WIDTHS[0], 3, 3),
        "w3": (CLASSES, WIDTHS[1] * size * size),
    }
    params: dict[str, Any] = {}
    for name, shape in shapes.items():
        scale = np.sqrt(2 / np.prod(shape[1:]))
        params[name] = (scale * rng.standard_normal(shape)).astype("float32")
        params[name.replace("w", "b")] = np.zeros(shape[0], "float32")
    x = rng.standard_normal((BATCH, 1, SIZE, SIZE)).astype("float32")
    return params, x, rng.integers(0, CLASSES, BATCH)


def products(padding: int) -> Step:
    import numpy as np

    def empty(*shape: int) -> Any:
        return np.zeros(shape, "float32")

    calls = []
    size, channels = SIZE, 1
    for layer, out in enumerate(WIDTHS):
        size = size + 2 * padding - 2
        places, terms = size * size, channels * 9
        left, columns, y = empty(out, terms), empty(BATCH, terms, places), empty(BATCH, out, places)
        by_weight = empty(terms, out)
        rows, ct = empty(BATCH * places, terms), empty(BATCH * places, out)
        if terms < 64:  # one product an image, as its windows lie
            calls.append((left, columns, y))
            calls.append((y, columns.swapaxes(1, 2), empty(BATCH, out, terms)))
        else:
            calls.append((rows, by_weight, ct))
            calls.append((rows.T, ct, by_weight))
        if layer:
            calls.append((ct, by_weight.T, rows))
        size, channels = size // 2, out
    features = channels * size * size
    h, w, y = empty(BATCH, features), empty(CLASSES, features), empty(BATCH, CLASSES)
    calls += [(h, w.T, y), (y, w, h), (y.T, h, w)]

    def step() -> None:
        for a, b, out in calls:
            np.matmul(a, b, out=out)

    return step


def by_hand(padding: int) -> Step:
    """As one writes it for this network: windows unfolded once, and kept for the weights."""
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view

    params, x, labels = data(padding)
    mean = {name: np.zeros_like(p) for name, p in params.items()}
    square = {name: np.zeros_like(p) for name, p in params.items()}
    count = 0

    def unfold(x: Any, pad: int) -> Any:
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        views = sliding_window_view(x, (3, 3), axis=(2, 3))
        n, c, h, w = views.shape[:4]
        return views.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * 9, h * w), (h, w)

    def convolve(columns: Any, size: Any, w: Any) -> Any:
        return (w.reshape(len(w), -1) @ columns).reshape(len(columns), len(w), *size)

    def corners(x: Any) -> list[Any]:
        h, w = (n // 2 * 2 for n in x.shape[2:])
        return [x[:, :, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)]

    def pool(x: Any) -> Any:
        a, b, c, d = corners(x)
        return np.maximum(np.maximum(a, b), np.maximum(c, d))

    def unpool(ct: Any, x: Any, y: Any) -> Any:
        """What is zero may tie: the ReLU before sends nothing on from there."""
        out = np.zeros_like(x)
        for part, to in zip(corners(x), corners(out), strict=True):
            np.multiply(ct, part == y, out=to)
        return out

    def weights(ct: Any, columns: Any, like: Any) -> Any:
        flat = ct.reshape(*ct.shape[:2], -1)
        return (flat @ columns.swapaxes(1, 2)).sum(axis=0).reshape(like.shape)

    def step() -> Any:
        nonlocal count
        w1, b1, w2, b2, w3, b3 = params.values()
        c1, s1 = unfold(x, padding)
        a1 = np.maximum(convolve(c1, s1, w1) + b1[:, None, None], 0)
        p1 = pool(a1)
        c2, s2 = unfold(p1, padding)
        a2 = np.maximum(convolve(c2, s2, w2) + b2[:, None, None], 0)
        p2 = pool(a2)
        flat = p2.reshape(BATCH, -1)
        z = flat @ w3.T + b3
        z -= z.max(axis=1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) - z[np.arange(BATCH), labels])
        d = e / total
        d[np.arange(BATCH), labels] -= 1
        d /= BATCH
        da2 = unpool((d @ w3).reshape(p2.shape), a2, p2) * (a2 > 0)
        turned = np.ascontiguousarray(w2[:, :, ::-1, ::-1].swapaxes(0, 1))
        c, s = unfold(da2, 2 - padding)
        dp1 = convolve(c, s, turned)
        da1 = unpool(dp1, a1, p1) * (a1 > 0)
        grads = {
            "w1": weights(da1, c1, w1),
            "b1": da1.sum(axis=(0, 2, 3)),
            "w2": weights(da2, c2, w2),
            "b2": da2.sum(axis=(0, 2, 3)),
            "w3": d.T @ flat,
            "b3": d.sum(axis=0),
        }
        count += 1
        rate = RATE * np.sqrt(1 - B2**count) / (1 - B1**count)
        for name, g in grads.items():
            m, v = mean[name], square[name]
            m += np.float32(1 - B1) * (g - m)
            v += np.float32(1 - B2) * (g * g - v)
            params[name] -= np.float32(rate) * m / (np.sqrt(v) + np.float32(EPSILON))
        return loss

    return step


def ours(padding: int, compiled: bool) -> Step:
    import gpubp
    from gpubp import losses, nn, optim, random
    from gpubp.core import tree

    params, x, labels = data(padding)
    key = random.key(0, backend="numpy")
    convolutions = [
        layer
        for inward, out in zip((1, *WIDTHS), WIDTHS, strict=False)
        for layer in (
            nn.Conv2d(inward, out, 3, padding=padding, key=key),
            nn.relu,
            nn.MaxPool2d(2),
        )
    ]
    model = nn.Sequential(
        [*convolutions, nn.Flatten(), nn.Linear(params["w3"].shape[1], CLASSES, key=key)]
    )
    model = tree.unflatten(tree.structure(model), list(params.values()))
    optimiser = optim.adam(RATE, b1=B1, b2=B2, epsilon=EPSILON)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return losses.cross_entropy(model(x), y)

    def update(model: Any, state: Any, x: Any, y: Any) -> Any:
        value, grads = gpubp.value_and_grad(loss)(model, x, y)
        updates, state = optimiser.update(grads, state, model)
        return optim.apply_updates(model, updates), state, value

    run = gpubp.compile(update, donate=(0, 1)) if compiled else update
    state = optimiser.init(model)

    def step() -> Any:
        nonlocal model, state
        model, state, value = run(model, state, x, labels)
        return value

    return step


def eager(padding: int) -> Step:
    return ours(padding, compiled=False)


def compiled(padding: int) -> Step:
    return ours(padding, compiled=True)


def compiled_plainly(padding: int) -> Step:
    """As where llvmlite is not installed."""
    from gpubp_numpy import native

    native.available = lambda: False  # type: ignore[assignment]  # it is cached; nobody clears it
    return ours(padding, compiled=True)


def pytorch(padding: int) -> Step:
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    arrays, *batch = data(padding)
    x, labels = (torch.tensor(a) for a in batch)
    params = [torch.tensor(p, requires_grad=True) for p in arrays.values()]
    optimiser = torch.optim.Adam(params, RATE, (B1, B2), EPSILON)

    def step() -> Any:
        w1, b1, w2, b2, w3, b3 = params
        a = F.max_pool2d(F.relu(F.conv2d(x, w1, b1, padding=padding)), 2)
        a = F.max_pool2d(F.relu(F.conv2d(a, w2, b2, padding=padding)), 2)
        loss = F.cross_entropy(F.linear(a.flatten(1), w3, b3), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.detach()

    return step


def jax(padding: int) -> Step:
    import jax
    import jax.numpy as jnp

    params, x, labels = data(padding)
    sides = ((padding, padding),) * 2

    def convolve(x: Any, w: Any, b: Any) -> Any:
        return jax.lax.conv_general_dilated(x, w, (1, 1), sides) + b[:, None, None]

    def pool(x: Any) -> Any:
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def loss(p: Any) -> Any:
        a = pool(jax.nn.relu(convolve(x, p["w1"], p["b1"])))
        a = pool(jax.nn.relu(convolve(a, p["w2"], p["b2"])))
        z = a.reshape(BATCH, -1) @ p["w3"].T + p["b3"]
        return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(BATCH), labels])

    @jax.jit
    def update(state: Any) -> Any:
        p, mean, square, count = state
        value, g = jax.value_and_grad(loss)(p)
        count = count + 1
        mean = jax.tree.map(lambda g, m: m + (1 - B1) * (g - m), g, mean)
        square = jax.tree.map(lambda g, v: v + (1 - B2) * (g * g - v), g, square)
        rate = RATE * jnp.sqrt(1 - B2**count) / (1 - B1**count)
        p = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), p, mean, square)
        return (p, mean, square, count), value

    state = (params, *(jax.tree.map(jnp.zeros_like, params) for _ in range(2)), 0.0)

    def step() -> Any:
        nonlocal state
        state, value = update(state)
        return jax.block_until_ready(value)

    return step


CONTESTANTS: dict[str, Callable[[int], Step]] = {
    "gpubp compiled": compiled,
    "without llvmlite": compiled_plainly,
    "gpubp eager": eager,
    "PyTorch eager": pytorch,
    "JAX jit": jax,
    "NumPy by hand": by_hand,
    "products": products,
}
UNIT = "PyTorch eager"


def serve(connection: Any, name: str, padding: int, cores: list[int], seconds: float) -> None:
    """A contestant's process: the loss first, then at every request the time of a step."""
    os.sched_setaffinity(0, cores)
    step = CONTESTANTS[name](padding)
    loss = None
    for _ in range(STEPS):
        loss = step()
    connection.send(None if loss is None else float(loss))
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        steps += 1
    while connection.recv():
        started = time.perf_counter()
        for _ in range(steps):
            step()
        connection.send((time.perf_counter() - started) / steps)


def measure(
    names: list[str], padding: int, threads: int, rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Seconds per step of each contestant, one figure per round."""
    for variable in THREADS:
        os.environ[variable] = str(threads)
    for variable in OVERRIDES:
        os.environ.pop(variable, None)
    cores = sorted(os.sched_getaffinity(0))[:threads]
    if len(cores) < threads:
        sys.exit(f"{threads} threads need as many cores; this process may use {len(cores)}")
    context = multiprocessing.get_context("spawn")
    pipes, processes, losses = {}, [], {}
    for name in names:
        pipes[name], theirs = context.Pipe()
        arguments = (theirs, name, padding, cores, seconds)
        processes.append(context.Process(target=serve, args=arguments, daemon=True))
        processes[-1].start()
        theirs.close()
        losses[name] = pipes[name].recv()
    expected = losses[UNIT]
    for name, loss in losses.items():
        if loss is not None and abs(loss - expected) > 1e-4 * abs(expected):
            sys.exit(f"after {STEPS} steps {name} is at a loss of {loss}, {UNIT} at {expected}")
    time.sleep(2 * seconds)
    times: dict[str, list[float]] = {name: [] for name in names}
    order = list(names)
    for _ in range(rounds):
        for name in order:
            pipes[name].send(True)
            times[name].append(pipes[name].recv())
        order.append(order.pop(0))
    for name, process in zip(names, processes, strict=True):
        pipes[name].send(False)
        process.join()
    return times


def table(times: dict[str, list[float]], title: str) -> None:
    print(f"\n{title}\n\n| | ms, median (least) | / {UNIT} (quartiles) |\n| --- | --- | --- |")
    for name, found in times.items():
        ratios = [a / b for a, b in zip(found, times[UNIT], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"| {name} | {1e3 * statistics.median(found):.2f} ({1e3 * min(found):.2f}) "
            f"| {middle:.2f} ({low:.2f} to {high:.2f}) |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30, help="bursts per contestant")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a burst")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--padding", type=int, nargs="+", default=[1, 0])
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, help=f"and {UNIT}")
    options = parser.parse_args()
    names = [n for n in CONTESTANTS if not options.only or n in (*options.only, UNIT)]
    print(f"{platform.machine()}, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    for threads in options.threads:
        for padding in options.padding:
            times = measure(names, padding, threads, options.rounds, options.seconds)
            table(times, f"{threads} thread{'s' * (threads > 1)}, padding {padding}")


if __name__ == "__main__":
    main()
