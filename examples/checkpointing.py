"""Less memory for more arithmetic: checkpoint recomputes a part in the backward pass."""

import tracemalloc

import numpy as np
from _show import check, heading

import gpubp

calls = 0


def block(x):
    """Ten elementwise steps, each of which keeps an array for the backward pass."""
    global calls
    calls += 1
    xp = x.__array_namespace__()
    for _ in range(10):
        x = xp.sin(x) + x
    return x


def network(block):
    def f(x):
        xp = x.__array_namespace__()
        for _ in range(10):
            x = block(x)
        return xp.sum(x)

    return f


def measured(f, x):
    """The gradient, how often `block` ran, and the peak of memory in MB (NumPy reports its own)."""
    global calls
    calls = 0
    tracemalloc.start()
    gradient = gpubp.grad(f)(x)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return gradient, calls, peak


heading("100 steps on 30,000 numbers (0.24 MB), in 10 blocks")
x = np.linspace(-1.0, 1.0, 30_000)
plain, plain_calls, plain_peak = measured(network(block), x)
lean, lean_calls, lean_peak = measured(network(gpubp.checkpoint(block)), x)
# A checkpointed block runs without values (to see what it closes over), forward, and once more
# on the way back.
print(f"  stored:       {plain_calls:>3} calls of the block, {plain_peak:6.1f} MB at the peak")
print(f"  checkpointed: {lean_calls:>3} calls of the block, {lean_peak:6.1f} MB at the peak")
check("the same gradient", lean, plain)
assert lean_peak < plain_peak / 2, "a checkpoint should at least halve the peak here"
assert lean_calls > plain_calls, "a checkpoint runs its function again"

y, slope = x, np.ones_like(x)
for _ in range(100):
    y, slope = np.sin(y) + y, slope * (np.cos(y) + 1)
check("the closed form, prod (1 + cos x_k)", lean, slope)
