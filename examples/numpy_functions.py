"""NumPy's own functions on traced arrays: differentiate NumPy code as it stands."""

import numpy as np
from _show import check, heading

import gpubp

heading("A function that knows nothing of this library")


def attention(queries, keys, values):
    """Written for NumPy, long ago."""
    scores = np.matmul(queries, keys.T) / np.sqrt(keys.shape[-1])
    scores = scores - np.max(scores, axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights = weights / np.sum(weights, axis=-1, keepdims=True)
    return np.mean(np.square(weights @ values))


rng = np.random.default_rng(0)
queries, keys, values = rng.normal(size=(3, 4, 2))
gradients = gpubp.grad(attention, argnums=(0, 1, 2))(queries, keys, values)
for name, gradient, at in zip(("queries", "keys", "values"), gradients, range(3), strict=True):
    arguments = [queries, keys, values]
    quotients = np.empty((4, 2))
    for index in np.ndindex(4, 2):
        ends = []
        for h in (1e-6, -1e-6):
            moved = arguments[at].copy()
            moved[index] += h
            ends.append(attention(*arguments[:at], moved, *arguments[at + 1 :]))
        quotients[index] = (ends[0] - ends[1]) / 2e-6
    check(f"by {name}, against difference quotients", gradient, quotients, tol=1e-8)

heading("A raw NumPy array on either side")
w, x = np.asarray([0.5, -1.0, 2.0]), np.asarray([1.0, 2.0, 3.0])
check("np.sum(w * x), w raw on the left", gpubp.grad(lambda x: np.sum(w * x))(x), w)
check("np.sum(x * w), w raw on the right", gpubp.grad(lambda x: np.sum(x * w))(x), w)
check("np.dot of both, by x", gpubp.grad(lambda x: np.dot(w, x))(x), w)
check(
    "np.where with a raw condition",
    gpubp.grad(lambda x: np.sum(np.where(w > 0, x**2, 0.0)))(x),
    np.where(w > 0, 2 * x, 0.0),
)
check(
    "np.concatenate of raw and traced",
    gpubp.grad(lambda x: np.sum(np.concatenate([w, x]) ** 2))(x),
    2 * x,
)

heading("The result is NumPy's, whatever went in between")
gradient = gpubp.grad(lambda x: np.sum(np.tanh(x)))(x)
check("d tanh = 1 - tanh^2", gradient, 1 - np.tanh(x) ** 2)
assert type(gradient) is np.ndarray, type(gradient)
print(f"  type {type(gradient).__module__}.{type(gradient).__name__}")
