"""Programs of every kind that the memory plan tells apart, each a function of a builder."""

import numpy as np

from compiler.build import Builder

N = 512  # rows and columns: arrays of a MiB, beside which Python's own objects do not count


def chain(b):
    x = b.input(N, N)
    for _ in range(6):
        x = b.tanh(b.multiply(x, 1.5))
    return b.returns(x)


def branches(b):
    x, y = b.input(N, N), b.input(N, N)
    s = b.sin(x)
    c = b.cos(y)
    return b.returns(b.add(b.multiply(s, c), b.subtract(s, c)))


def products(b):
    x, w = b.input(N, N), b.input(N, N)
    h = b.matmul(x, w)
    t = b.permute_dims(h, axes=(1, 0))
    return b.returns(b.matmul(t, b.tanh(h)))


def reductions(b):
    x = b.input(N, N)
    e = b.exp(b.subtract(x, b.max(x, axis=(1,), keepdims=True)))
    return b.returns(b.divide(e, b.sum(e, axis=(1,), keepdims=True)))


def views(b):
    x = b.input(N, N)
    y = b.exp(x)
    flat = b.reshape(y, shape=(N * N,))
    part = b.slice(flat, spec=((0, N, 1),))
    wide = b.broadcast_to(part, shape=(N, N))
    back = b.flip(b.permute_dims(y, axes=(1, 0)), axis=(0,))
    return b.returns(b.add(wide, back), b.reshape(b.sqrt(y), shape=(N // 2, 2 * N)))


def view_of_a_result(b):
    x = b.input(N, N)
    y = b.exp(x)
    return b.returns(y, b.permute_dims(y, axes=(1, 0)), b.slice(y, spec=((0, N, 1), 3)))


def view_of_an_argument(b):
    x = b.input(N, N)
    return b.returns(b.permute_dims(x, axes=(1, 0)), x, b.exp(x))


def strided_reshape(b):
    x = b.input(N, N)
    t = b.permute_dims(b.exp(x), axes=(1, 0))
    return b.returns(b.reshape(t, shape=(N * N,)))


def library_calls(b):
    x = b.input(N, N)
    order = b.argsort(b.exp(x), axis=1, descending=False, stable=True)
    y = b.roll(b.multiply(x, 2.0), shift=(1,), axis=(0,))
    return b.returns(b.add(y, 1.0), b.argmax(order, axis=1, keepdims=False))


def library_result(b):
    x = b.input(N, N)
    return b.returns(b.roll(b.exp(x), shift=(3,), axis=(1,)))


def constants(b):
    x = b.input(N, N)
    k = b.constant(np.full((N, N), 2.0, np.float32))
    return b.returns(b.multiply(x, k), k)


def casts(b):
    x = b.input(N, N)
    y = b.astype(b.exp(x), dtype=np.dtype("float64"))
    return b.returns(b.where(b.greater(y, 1.5), y, 0.0), b.astype(y, dtype=np.dtype("float32")))


def joins(b):
    x, y = b.input(N, N), b.input(N, N)
    z = b.concat(b.exp(x), y, axis=0)
    return b.returns(b.stack(x, b.slice(z, spec=((N, 2 * N, 1), (0, N, 1))), axis=1))


def embeddings(b):
    x = b.input(N, N)
    z = b.embed(b.exp(x), shape=(2 * N, N), spec=((0, 2 * N, 2), (0, N, 1)))
    return b.returns(b.slice_put(z, x, spec=((N, 2 * N, 1), (0, N, 1))))


def no_nan(b):
    x, y = b.input(N, N), b.input(N, N)
    return b.returns(b.divide_no_nan(b.multiply_no_nan(x, y), b.add(x, y)))


def updates(b):
    """Three donated arguments, and a gradient that is not."""
    p, m, v, g = (b.input(N, N) for _ in range(4))
    mean = b.add(b.multiply(m, 0.9), b.multiply(g, 0.1))
    square = b.add(b.multiply(v, 0.99), b.multiply(b.multiply(g, g), 0.01))
    return b.returns(b.subtract(p, b.divide(mean, b.sqrt(square))), mean, square)


def numbers(b):
    x = b.input(N, N)
    k = b.input(dtype="float64")
    k.number = float
    return b.returns(b.multiply(b.add(x, k), k), 3.0)


def softmax_of_rows(b):
    x = b.input(N, 10)
    e = b.exp(b.subtract(x, b.max(x, axis=(1,), keepdims=True)))
    y = b.divide(e, b.sum(e, axis=(1,), keepdims=True))
    return b.returns(y, b.sum(y, axis=(0,), keepdims=False), b.max(y, axis=(0, 1), keepdims=False))


def bias_and_slope(b):
    x, w, ct = b.input(N, N), b.input(N), b.input(N, N)
    y = b.tanh(b.add(x, w))
    slope = b.multiply(ct, b.subtract(1.0, b.multiply(y, y)))
    return b.returns(y, slope, b.sum(slope, axis=(0,), keepdims=False))


def whole_sum(b):
    x = b.input(N, N)
    return b.returns(b.sum(b.multiply(x, b.sin(x)), axis=(0, 1), keepdims=False))


def columns(b):
    x, c = b.input(N, N), b.input(N, 1)
    turned = b.permute_dims(x, axes=(1, 0))
    y = b.where(b.greater(b.multiply(turned, c), 1.0), turned, c)
    return b.returns(y, b.min(y, axis=(1,), keepdims=False), b.prod(c, axis=(0,), keepdims=False))


def cubes(b):
    x, m = b.input(8, 64, 512), b.input(64, 1)
    centred = b.subtract(x, b.divide(b.sum(x, axis=(2,), keepdims=True), 512.0))
    return b.returns(
        b.multiply(centred, m),
        b.sum(b.multiply(centred, centred), axis=(0, 2), keepdims=False),
        b.sum(b.abs_real(centred), axis=(1,), keepdims=True),
    )


def truths(b):
    x = b.input(N, N)
    large = b.greater(x, 0.6)
    counted = b.astype_discrete(large, dtype=np.dtype("int64"))
    return b.returns(
        b.all(large, axis=(1,), keepdims=False),
        b.any(b.logical_not(large), axis=(0,), keepdims=False),
        b.sum(counted, axis=(0, 1), keepdims=False),
        b.max(counted, axis=(0,), keepdims=False),
    )


PROGRAMS = {
    f.__name__: f
    for f in (
        *(chain, branches, products, reductions, views, view_of_a_result, view_of_an_argument),
        *(strided_reshape, library_calls, library_result, constants, casts, joins, embeddings),
        *(no_nan, updates, numbers, softmax_of_rows, bias_and_slope, whole_sum, columns, cubes),
        truths,
    )
}


def build(name):
    return PROGRAMS[name](Builder())
