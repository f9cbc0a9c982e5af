"""A gradient for every example of a batch: vmap(grad(loss)), without a loop."""

import numpy as np
from _show import check, heading

import gpubp

rng = np.random.default_rng(0)
images, labels = rng.normal(size=(64, 8)), rng.integers(0, 3, size=64)
params = {"W": rng.normal(size=(3, 8)), "b": np.zeros(3)}


def loss(params, x, label):
    """Cross-entropy of one example: x of shape (8,), label an integer."""
    xp = x.__array_namespace__()
    logits = params["W"] @ x + params["b"]
    top = xp.max(logits)
    return top + xp.log(xp.sum(xp.exp(logits - top))) - logits[label]


# The parameters are the same for every example (None), x and label differ along axis 0.
per_example = gpubp.vmap(gpubp.grad(loss), in_axes=(None, 0, 0))

heading("64 gradients at once")
gradients = per_example(params, images, labels)
print(f"  leaves: W {gradients['W'].shape}, b {gradients['b'].shape}")

logits = images @ params["W"].T + params["b"]
p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
delta = p - np.eye(3)[labels]
check("d loss / db = softmax - onehot", gradients["b"], delta)
check(
    "d loss / dW = (softmax - onehot) (outer) x",
    gradients["W"],
    delta[:, :, None] * images[:, None, :],
)

heading("The same as a loop")
loop = np.stack([gpubp.grad(loss)(params, x, k)["W"] for x, k in zip(images, labels, strict=True)])
check("one example at a time", gradients["W"], loop)

heading("In chunks of 16, for a batch whose gradients don't fit the memory")
chunked = gpubp.vmap(gpubp.grad(loss), in_axes=(None, 0, 0), chunk_size=16)(params, images, labels)
check("the same numbers", chunked["W"], gradients["W"])

heading("What they are for: clip each example's gradient to norm 1, then sum")
norms = np.sqrt(np.sum(gradients["W"] ** 2, axis=(1, 2)) + np.sum(gradients["b"] ** 2, axis=1))
scale = np.minimum(1.0, 1.0 / norms)
clipped = np.sum(scale[:, None, None] * gradients["W"], axis=0)
print(f"  norms from {norms.min():.2f} to {norms.max():.2f}; {np.sum(norms > 1)} of 64 clipped")

heading("Without making them: norms and sums from the factors delta and x")
print(gpubp.per_example.routes(loss)(params, images, labels))
found = gpubp.per_example.norms(loss)(params, images, labels)
check("norms", found, norms)
found = gpubp.per_example.clipped_sum(loss, 1.0)(params, images, labels)
check("clipped sum", found["W"], clipped)
mean, variance = gpubp.per_example.moments(loss)(params, images, labels)
check("variance", variance["W"], gradients["W"].var(axis=0))
