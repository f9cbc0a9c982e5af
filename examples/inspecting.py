"""Look inside a function and a model: every intermediate value with its derivatives."""

import tempfile
from pathlib import Path

import numpy as np
from _show import check, heading

import gpubp
from gpubp import nn

heading("A function: introduce, differentiate, combine, substitute")


def f(x):
    u = x**2
    return np.sin(x + u) * u


x = np.asarray(0.7)
steps = gpubp.inspect.table(f, x)
print(steps)
slope = np.cos(x + x**2) * (1 + 2 * x) * x**2 + np.sin(x + x**2) * 2 * x
check("dy/dx, closed form", steps["x"].cotangent, slope)

heading("A model: z, a, delta, dW and db of each layer")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Network(nn.Module):
    """The 2-2-2 network of the notes; anything callable whose arrays form a tree will do."""

    W1: np.ndarray
    b1: np.ndarray
    W2: np.ndarray
    b2: np.ndarray

    def __call__(self, x):
        hidden = sigmoid(self.W1 @ x + self.b1)
        return sigmoid(self.W2 @ hidden + self.b2)


def half_squared_error(a, y):
    return np.sum((a - y) ** 2) / 2


network = Network(
    np.asarray([[0.15, 0.20], [0.25, 0.30]]),
    np.asarray([0.35, 0.35]),
    np.asarray([[0.40, 0.45], [0.50, 0.55]]),
    np.asarray([0.60, 0.60]),
)
x, y = np.asarray([0.05, 0.1]), np.asarray([0.01, 0.99])
layers = gpubp.inspect.layers(network, half_squared_error, x, y)
print(layers)
first, last = layers
delta = (last.a - y) * last.a * (1 - last.a)
check("delta = (a - y) (.) s'(z)", last.delta, delta)
check("dC/dW = delta (outer) a'", last.dW, np.outer(delta, first.a))

heading("Pictures: shown by a notebook, or written to a file")
with tempfile.TemporaryDirectory() as folder:
    for name, report in (("steps", steps), ("layers", layers)):
        path = Path(folder) / f"{name}.svg"
        path.write_text(report._repr_svg_(), encoding="utf-8")
        print(f"  {path.name}: {path.stat().st_size} bytes of SVG")
