"""A small network trained by a loop that you can see all of: value_and_grad and a few lines."""

import time

import numpy as np
from _show import heading
from sklearn.datasets import load_digits

import gpubp

rng = np.random.default_rng(0)
digits = load_digits()
order = rng.permutation(len(digits.target))
images = digits.data[order].astype(np.float32) / 16
labels = digits.target[order]
train, test = slice(0, 1437), slice(1437, None)


def layer(n_in, n_out):
    weight = rng.normal(size=(n_out, n_in)) * np.sqrt(2 / n_in)
    return {"W": weight.astype(np.float32), "b": np.zeros(n_out, np.float32)}


params = [layer(64, 64), layer(64, 10)]  # any tree of arrays will do


def network(params, x):
    xp = x.__array_namespace__()
    hidden = xp.tanh(x @ params[0]["W"].T + params[0]["b"])
    return hidden @ params[1]["W"].T + params[1]["b"]


def loss(params, x, labels):
    """Mean cross-entropy of a batch, and its accuracy on the side."""
    xp = x.__array_namespace__()
    logits = network(params, x)
    logits = logits - xp.max(logits, axis=1, keepdims=True)
    log_p = logits - xp.log(xp.sum(xp.exp(logits), axis=1, keepdims=True))
    correct = xp.astype(xp.argmax(logits, axis=1) == labels, x.dtype)
    return -xp.mean(xp.take_along_axis(log_p, labels[:, None], axis=1)), xp.mean(correct)


step = gpubp.value_and_grad(loss, has_aux=True)
velocity = [{name: np.zeros_like(leaf) for name, leaf in part.items()} for part in params]
rate, momentum, batch = 0.05, 0.9, 32

heading("Digits, 64-64-10, gradient descent with momentum")
print("  epoch     loss   train accuracy")
start = time.perf_counter()
for epoch in range(1, 16):
    losses, accuracies = [], []
    shuffled = rng.permutation(1437)
    for at in range(0, 1437, batch):
        chosen = shuffled[at : at + batch]
        (value, accuracy), gradients = step(params, images[chosen], labels[chosen])
        for part, speed, gradient in zip(params, velocity, gradients, strict=True):
            for name in part:
                speed[name] = momentum * speed[name] - rate * gradient[name]
                part[name] = part[name] + speed[name]
        losses.append(float(value))
        accuracies.append(float(accuracy))
    if epoch % 3 == 0:
        print(f"  {epoch:>5}   {np.mean(losses):.4f}   {np.mean(accuracies):.1%}")
seconds = time.perf_counter() - start

_, held_out = loss(params, images[test], labels[test])  # an ordinary function of ordinary arrays
print(f"  {held_out:.1%} of 360 test images, after {seconds:.1f} s")
assert params[0]["W"].dtype == np.float32, "float32 parameters stay float32"
assert held_out > 0.96, f"test accuracy {held_out:.1%}"
