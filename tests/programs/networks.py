"""What neural networks are made of, spelled out."""

from gpubp.testing.cases.draw import bools, distinct, integers, positive, reals
from programs.program import Collection

programs = Collection()


@programs(reals(3, 2), reals(3, 2), reals(3, 2))
def attention(xp, q, k, v):
    scores = q @ xp.matrix_transpose(k) / q.shape[-1] ** 0.5
    weights = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    return weights / xp.sum(weights, axis=-1, keepdims=True) @ v


@programs(reals(3, 2), reals(3, 2), reals(3, 2))
def causal_attention(xp, q, k, v):
    n = q.shape[0]
    scores = xp.tensordot(q, k, axes=((1,), (1,)))
    earlier = xp.tril(xp.ones((n, n), dtype=xp.bool))
    scores = xp.where(earlier, scores, -xp.inf)
    weights = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    return (weights / xp.sum(weights, axis=-1, keepdims=True)) @ v


@programs(reals(3, 4), reals(4, 4), reals(4, 4))
def two_headed_self_attention(xp, x, w, out):
    heads = xp.permute_dims(xp.reshape(x @ w, (3, 2, 2)), (1, 0, 2))
    scores = heads @ heads.mT
    weights = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    mixed = weights / xp.sum(weights, axis=-1, keepdims=True) @ heads
    return xp.reshape(xp.permute_dims(mixed, (1, 0, 2)), (3, 4)) @ out


@programs(reals(2, 4), reals(4), reals(4))
def layer_norm(xp, x, gain, bias):
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    return gain * centred / xp.sqrt(xp.var(x, axis=-1, keepdims=True) + 1e-5) + bias


@programs(reals(2, 4), reals(4))
def rms_norm(xp, x, gain):
    return gain * x / xp.sqrt(xp.mean(xp.square(x), axis=-1, keepdims=True) + 1e-6)


@programs(reals(4, 3), reals(5, 3), reals(5), reals(2, 5))
def two_layer_tanh(xp, x, w1, b1, w2):
    return xp.sum(xp.tanh(x @ w1.T + b1) @ w2.T)


@programs(distinct(3, 4), reals(4, 2))
def relu_layer(xp, x, w):
    return xp.maximum(x, xp.asarray(0.05, dtype=x.dtype)) @ w


@programs(reals(5))
def gelu_tanh(xp, x):
    return 0.5 * x * (1 + xp.tanh((2 / xp.pi) ** 0.5 * (x + 0.044715 * x**3)))


@programs(reals(2, 4))
def gated_unit(xp, x):
    a, b = x[:, :2], x[:, 2:]
    return a / (1 + xp.exp(-b))


@programs(reals(3, 4), integers(3, low=0, high=4))
def cross_entropy(xp, logits, target):
    shifted = logits - xp.max(logits, axis=-1, keepdims=True)
    log_p = shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))
    return -xp.mean(xp.take_along_axis(log_p, target[:, None], axis=-1))


@programs(distinct(5), bools(5))
def binary_cross_entropy(xp, logits, target):
    y = xp.astype(target, logits.dtype)
    return xp.mean(xp.logaddexp(logits * 0, logits) - y * logits)


@programs(distinct(6), reals(6))
def huber(xp, x, y):
    gap = xp.abs(x - 3.0 * y)
    return xp.sum(xp.where(gap < 1.0, 0.5 * gap**2, gap - 0.5))


@programs(reals(5, 5), reals(2, 2))
def convolution_by_slicing(xp, image, kernel):
    out = xp.zeros((4, 4), dtype=image.dtype)
    for i in range(2):
        for j in range(2):
            out = out + kernel[i, j] * image[i : i + 4, j : j + 4]
    return out


@programs(distinct(4, 4))
def max_pooling(xp, image):
    return xp.max(xp.reshape(image, (2, 2, 2, 2)), axis=(1, 3))


@programs(reals(5, 2), integers(4, low=0, high=5), reals(2))
def embedding_and_readout(xp, table, words, w):
    return xp.mean(xp.take(table, words, axis=0), axis=0) @ w


@programs(reals(4, 2), reals(3, 3), reals(3, 2))
def recurrent_cell(xp, inputs, recurrent, w):
    state = xp.zeros((3,), dtype=inputs.dtype)
    for t in range(inputs.shape[0]):
        state = xp.tanh(recurrent @ state + w @ inputs[t, :])
    return state


@programs(reals(3), positive(3))
def evidence_lower_bound(xp, mean, scale):
    return -0.5 * xp.sum(1 + 2 * xp.log(scale) - mean**2 - scale**2)
