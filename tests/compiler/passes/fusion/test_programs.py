"""Real programs: into how many kernels they go, and how many bytes those move."""

import itertools

import numpy as np
import pytest

import gpubp
from compiler.passes.check import checked, kernels, names, recorded
from gpubp import losses, nn, optim, random
from gpubp.compiler.costs import bytes_moved
from gpubp.compiler.fused import Fused
from gpubp.compiler.passes import optimize
from gpubp.compiler.passes.schedule import peak

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def key():
    return random.key(0, backend="numpy")


def mlp_step(sizes, batch, labels="indices"):
    model = nn.MLP(sizes, key=key())
    optimiser = optim.adam(1e-3)

    def step(model, state, x, y):
        value, grads = gpubp.value_and_grad(lambda m: losses.cross_entropy(m(x), y))(model)
        updates, state = optimiser.update(grads, state, model)
        return optim.apply_updates(model, updates), state, value

    y = RNG.integers(0, sizes[-1], batch)
    if labels == "probabilities":
        y = np.eye(sizes[-1], dtype=np.float32)[y]
    return step, (model, optimiser.init(model), draw(batch, sizes[0]), y)


@pytest.mark.parametrize("labels", ["indices", "probabilities"])
def test_mlp_step(labels):
    step, args = mlp_step([20, 16, 12, 10], 8, labels)
    found = checked(*recorded(step, *args), rtol=1e-4, atol=1e-5)
    # 3 layers: forward, backward to weights, and to the input but for the first.
    assert names(found).count("product") == 8
    # Two activations forward and back; one kernel for softmax, loss and their gradients; an update
    # for each of 6 parameters; single numbers: Adam's corrections and the mean of the loss.
    assert names(found).count("fused") == 2 + 2 + 1 + 6 + 1
    assert set(names(found)) == {"product", "fused"}


def test_mlp_step_moves_little_more_than_it_must():
    sizes, batch = (784, 1024, 1024, 10), 256
    step, args = mlp_step(sizes, batch)
    recording, _ = recorded(step, *args)
    found = optimize(recording)
    assert len(found.operations) <= 3 * 8 + 4
    moved = sum(bytes_moved(o) for o in found.operations if type(o.primitive) is Fused)
    parameters = sum(m * n + n for m, n in itertools.pairwise(sizes))
    hidden = batch * sum(sizes[1:-1])
    logits = batch * sizes[-1]
    least = 4 * (
        7 * parameters  # p, m, v and the gradient are read; p, m and v written
        + 2 * hidden  # from a product to an activation
        + 2 * hidden  # and from its cotangent to that product's
        + 2 * logits
    )
    assert moved < 1.05 * least
    # Gradients and activations that are no longer needed make room: what is left at once are the
    # two hidden layers' activations with their cotangents, and a gradient.
    assert peak(found) < 0.4 * peak(recording)


def test_updates_follow_their_gradients():
    step, args = mlp_step([784, 1024, 1024, 10], 256)
    found = optimize(recorded(step, *args)[0])
    made = {y: i for i, o in enumerate(found.operations) for y in o.results}
    last = max(i for i, o in enumerate(found.operations) if o.primitive.name == "product")
    assert last == len(found.operations) - 2  # only the update of the first layer is left
    assert len(made) > last


def test_sixty_operations_are_one_kernel():
    def f(x):
        for _ in range(15):
            x = np.tanh(x) * 1.1 + np.sin(x) * 0.5
        return np.sum(x)

    found = checked(*recorded(gpubp.value_and_grad(f), draw(1000)), rtol=1e-4, atol=1e-5)
    (kernel,) = kernels(found)
    assert kernel.shape == (1000,)
    assert len(kernel.inputs) == 1
    assert len(kernel.outputs) == 2
    assert names(found) == ["fused"]


def test_layer_norm_with_its_gradients_is_one_kernel():
    layer = nn.LayerNorm(16, key=key())

    def loss(layer, x):
        return (layer(x) ** 2).sum()

    step = gpubp.value_and_grad(loss, argnums=(0, 1))
    found = checked(*recorded(step, layer, draw(4, 6, 16)), rtol=1e-4, atol=1e-4)
    (kernel,) = kernels(found)
    assert kernel.shape == (24, 16)  # axes before the row are one
    assert [operand.strides for operand in kernel.inputs] == [(16, 1), (0, 1), (0, 1)]


def test_the_backward_half_of_gelu_starts_from_what_is_stored_anyway():
    def f(w, b, x):
        return ((nn.gelu(x @ w + b) @ w.T) ** 2).sum()

    args = draw(16, 64), draw(64), draw(15, 16)
    found = checked(*recorded(gpubp.value_and_grad(f, argnums=(0, 1)), *args), rtol=1e-3, atol=1e-4)
    forward = next(o for o in found.operations if type(o.primitive) is Fused)
    assert len(forward.results) == 2  # the result, and erfc, which is dear


def test_softmax_and_its_gradient():
    def f(x, y):
        return (nn.softmax(x) * y).sum()

    found = checked(*recorded(gpubp.grad(f), draw(6, 5, 7), draw(6, 5, 7)), rtol=1e-4, atol=1e-5)
    assert [kernel.shape for kernel in kernels(found)] == [(30, 7)]


class Block(nn.Module):
    attention: nn.MultiHeadAttention
    first: nn.LayerNorm
    second: nn.LayerNorm
    up: nn.Linear
    down: nn.Linear

    def __init__(self, features, heads):
        self.attention = nn.MultiHeadAttention(features, heads=heads, key=key())
        self.first = nn.LayerNorm(features, key=key())
        self.second = nn.LayerNorm(features, key=key())
        self.up = nn.Linear(features, 4 * features, key=key())
        self.down = nn.Linear(4 * features, features, key=key())

    def __call__(self, x):
        x = x + self.attention(self.first(x))
        return x + self.down(nn.gelu(self.up(self.second(x))))


def test_transformer_block():
    step = gpubp.value_and_grad(lambda block, x: (block(x) ** 2).mean())
    found = checked(*recorded(step, Block(16, 2), draw(3, 5, 16)), rtol=1e-3, atol=1e-4)
    # 6 layers and 2 products of attention, each with two gradients.
    assert names(found).count("product") == 3 * 8
    assert names(found).count("fused") <= 16
    assert all(len(k.shape) <= 4 for k in kernels(found))


def test_convolution_net():
    class Net(nn.Module):
        first: nn.Conv2d
        last: nn.Linear

        def __init__(self):
            self.first = nn.Conv2d(1, 4, 3, key=key(), padding="same")
            self.last = nn.Linear(4 * 4 * 4, 10, key=key())

        def __call__(self, x):
            x = nn.MaxPool2d(2)(nn.relu(self.first(x)))
            return self.last(x.reshape((x.shape[0], -1)))

    def loss(net, x, y):
        return losses.cross_entropy(net(x), y)

    args = Net(), draw(3, 1, 8, 8), RNG.integers(0, 10, 3)
    found = checked(*recorded(gpubp.value_and_grad(loss), *args), rtol=1e-3, atol=1e-4)
    # bias and activation; the loss with its gradient; its mean; the activation's gradient
    assert names(found).count("fused") == 4


def test_second_derivatives_and_batches():
    def f(x):
        return np.sum(np.tanh(x) ** 3)

    checked(*recorded(gpubp.vmap(gpubp.hessian(f)), draw(3, 4).astype(np.float64)))
    checked(*recorded(lambda x, v: gpubp.hvp(f, (x,), (v,)), draw(9), draw(9)), rtol=1e-4)
