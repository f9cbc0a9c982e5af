"""Programs drawn at random do after all passes what they did before, kernel by kernel."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.build import Builder
from compiler.passes.check import checked
from gpubp.core.shapes import broadcast_shapes, size_of
from gpubp.errors import ArgumentError

SHAPES = [(), (1,), (3,), (4,), (2, 3), (3, 1), (1, 4), (3, 4), (4, 3), (2, 3, 4), (2, 1, 4)]
UNARY = ("tanh", "sin", "negative", "abs_real", "square", "exp", "sign_real")
BINARY = ("add", "subtract", "multiply", "maximum", "minimum", "multiply_no_nan")
REDUCTIONS = ("sum", "max", "min", "prod")


def fits(a, b):
    try:
        return size_of(broadcast_shapes(a.shape, b.shape)) <= 64
    except ArgumentError:
        return False


def reshaped(shape):
    """Shapes of as many elements, in another division of the axes."""
    n = size_of(shape)
    found = {(n,), (1, n), (n, 1), shape}
    found.update((k, n // k) for k in range(2, n) if n % k == 0)
    if len(shape) > 1:
        found.add((shape[0] * shape[1], *shape[2:]))
    return sorted(found)


def step(draw, b, values):
    """One more value made of those there are."""
    x = draw(st.sampled_from(values))
    kind = draw(st.sampled_from(["unary", "binary", "where", "reduce", "view", "index", "product"]))
    if kind == "unary":
        return b.apply(draw(st.sampled_from(UNARY)), b.tanh(x))
    if kind in ("binary", "where"):
        y = draw(st.sampled_from([v for v in values if fits(x, v)]))
        if kind == "where":
            return b.where(b.less(x, 0.25), x, y)
        number = draw(st.sampled_from([None, 1.0, 0.5, -1.0, 0.0]))
        return b.apply(draw(st.sampled_from(BINARY)), x, y if number is None else number)
    if kind == "reduce" and x.shape:
        every = range(len(x.shape))
        axes = [c for n in range(1, len(x.shape) + 1) for c in itertools.combinations(every, n)]
        axis, keep = draw(st.sampled_from(axes)), draw(st.booleans())
        return b.apply(draw(st.sampled_from(REDUCTIONS)), b.tanh(x), axis=axis, keepdims=keep)
    if kind == "view" and x.shape:
        return view(draw, b, x)
    if kind == "index" and len(x.shape) == 2 and x.shape[1] > 1:
        rows = b.constant(np.arange(x.shape[0]))
        labels = b.constant(draw_labels(draw, *x.shape))
        chosen = b.gather(b.sin(x), rows, labels)
        return b.index_add(b.constant(np.zeros(x.shape)), chosen, rows, labels)
    if kind == "product" and len(x.shape) == 2:
        return b.matmul(x, b.permute_dims(x, axes=(1, 0)))
    return b.add(x, 1.0)


def draw_labels(draw, rows, classes):
    labels = st.integers(-classes, classes - 1)
    return np.asarray(draw(st.lists(labels, min_size=rows, max_size=rows)), np.int64)


def view(draw, b, x):
    kind = draw(st.sampled_from(["reshape", "permute", "broadcast", "slice", "flip"]))
    if kind == "reshape":
        return b.reshape(x, shape=draw(st.sampled_from(reshaped(x.shape))))
    if kind == "permute":
        return b.permute_dims(x, axes=tuple(draw(st.permutations(range(len(x.shape))))))
    if kind == "broadcast" and size_of(x.shape) <= 16:
        return b.broadcast_to(x, shape=(2, *(4 if n == 1 else n for n in x.shape)))
    if kind == "slice":
        return b.slice(x, spec=tuple((n > 1, n, 1 + (n > 2)) for n in x.shape))
    return b.flip(x, axis=(draw(st.integers(0, len(x.shape) - 1)),))


@settings(max_examples=100)
@given(st.data())
def test_random_program(data):
    b = Builder()
    shapes = data.draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    values = [b.input(*shape, dtype="float64") for shape in shapes]
    for _ in range(data.draw(st.integers(1, 14))):
        values.append(step(data.draw, b, values))
    outputs = data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
    rng = np.random.default_rng(0)
    inputs = [np.asarray(rng.normal(size=shape)) for shape in shapes]
    checked(b.returns(values[-1], *outputs), inputs, rtol=1e-9, atol=1e-9)
