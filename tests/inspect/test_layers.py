"""Each layer's numbers against the notes' facts, on the notes' 2-2-2 network."""

import numpy as np
import pytest

import gpubp
from gpubp import nn
from gpubp.inspect import layers


def sigmoid(z):
    xp = z.__array_namespace__()
    return 1 / (1 + xp.exp(-z))


class Network(nn.Module):
    W1: object
    b1: object
    W2: object
    b2: object

    def __call__(self, x):
        return sigmoid(sigmoid(x @ self.W1.T + self.b1) @ self.W2.T + self.b2)


NETWORK = Network(
    np.asarray([[0.15, 0.20], [0.25, 0.30]]),
    np.asarray([0.35, 0.35]),
    np.asarray([[0.40, 0.45], [0.50, 0.55]]),
    np.asarray([0.60, 0.60]),
)
X, Y = np.asarray([0.05, 0.1]), np.asarray([0.01, 0.99])


def half_squared_error(a, y):
    xp = a.__array_namespace__()
    return xp.sum((a - y) ** 2) / 2


def close(got, want, rtol=1e-12):
    np.testing.assert_allclose(got, want, rtol=rtol)


def test_facts_on_the_notes_network():
    found = layers(NETWORK, half_squared_error, X, Y)
    first, last = found
    close(found.cost, 0.298371109, rtol=1e-9)
    close(first.z, [0.3775, 0.3925])
    close(first.a, [0.593269992, 0.596884378], rtol=1e-9)
    close(last.z, [1.105905967, 1.224921404], rtol=1e-9)
    close(last.a, [0.75136507, 0.772928465], rtol=1e-9)
    close(last.da, last.a - Y)  # Fact 1
    for layer in found:
        close(layer.delta, layer.da * layer.a * (1 - layer.a))  # Fact 2
        close(layer.db, layer.delta)  # Fact 3
        close(layer.dW, np.outer(layer.delta, layer.input))  # Facts 4 and 5
        assert layer.elementwise
    close(first.da, last.weight.T @ last.delta)  # Fact 6
    close(last.input, first.a)
    assert [layer.name for layer in found] == ["W1", "W2"]


def test_a_batch_sums():
    x = np.stack([X, 2 * X, -X])
    first, last = layers(NETWORK, half_squared_error, x, Y)
    assert last.delta.shape == (3, 2)
    close(last.dW, last.delta.T @ last.input)
    close(first.db, first.delta.sum(axis=0))
    want = gpubp.grad(lambda m: half_squared_error(m(gpubp.array_namespace(m.W1).asarray(x)), Y))
    close(first.dW, want(NETWORK).W1)


def test_last_layer_without_activation_and_without_bias():
    class Linear(nn.Module):
        W: object

        def __call__(self, x):
            return self.W @ x

    (layer,) = layers(Linear(NETWORK.W1), half_squared_error, X, Y)
    close(layer.a, layer.z)
    close(layer.delta, NETWORK.W1 @ X - Y)
    assert layer.bias is None
    assert layer.db is None


def test_a_prediction_that_is_a_view():
    class Column(nn.Module):
        W: object

        def __call__(self, x):
            z = self.W @ x
            return z.__array_namespace__().reshape(z, (2, 1))

    (layer,) = layers(Column(NETWORK.W1), half_squared_error, X, Y[:, None])
    close(layer.delta, NETWORK.W1 @ X - Y)


def test_a_product_that_the_cost_does_not_depend_on_is_no_layer():
    class Idle(nn.Module):
        W1: object
        W2: object

        def __call__(self, x):
            self.W1 @ x
            return self.W2 @ x

    found = layers(Idle(NETWORK.W1, NETWORK.W2), half_squared_error, X, Y)
    assert [layer.name for layer in found] == ["W2"]


def test_two_linear_layers_without_activation():
    class Deep(nn.Module):
        W1: object
        W2: object

        def __call__(self, x):
            return self.W2 @ (self.W1 @ x)

    first, last = layers(Deep(NETWORK.W1, NETWORK.W2), half_squared_error, X, Y)
    close(first.a, NETWORK.W1 @ X)
    close(last.input, first.a)
    close(first.delta, NETWORK.W2.T @ last.delta)


def test_a_convolution_and_its_bias():
    key = gpubp.random.key(0, backend="numpy")
    first, second = gpubp.random.split(key, 2)
    model = nn.Sequential(
        [
            nn.Conv2d(1, 2, 3, key=first),
            nn.Lambda(nn.relu),
            nn.Flatten(),
            nn.Linear(8, 3, key=second),
        ]
    )
    x = np.linspace(-1, 1, 32, dtype=np.float32).reshape(2, 1, 4, 4)
    y = np.zeros((2, 3), np.float32)
    found = layers(model, half_squared_error, x, y)
    assert [layer.name for layer in found] == ["layers[0].weight", "layers[3].weight"]
    want = gpubp.grad(lambda m, x: half_squared_error(m(x), y))(model, x)
    close(found[0].dW, want.layers[0].weight, rtol=1e-5)
    close(found[0].db, want.layers[0].bias, rtol=1e-5)
    close(found[1].db, found[1].delta.sum(axis=0), rtol=1e-5)


def test_an_activation_that_is_not_elementwise_is_not_called_one():
    class Normed(nn.Module):
        W: object

        def __call__(self, x):
            z = self.W @ x
            return z / z.__array_namespace__().sum(z)

    found = layers(Normed(NETWORK.W1), half_squared_error, X, Y)
    assert not found[0].elementwise
    assert "s'(z)" not in str(found)


def test_a_skip_around_a_layer_is_not_taken_for_fact_6():
    class Skip(nn.Module):
        W1: object
        W2: object

        def __call__(self, x):
            a = sigmoid(self.W1 @ x)
            return self.W2 @ a + a

    first, last = layers(Skip(NETWORK.W1, NETWORK.W2), half_squared_error, X, Y)
    assert not first.chained
    close(first.da, NETWORK.W2.T @ last.delta + last.delta)


def test_text():
    text = str(layers(NETWORK, half_squared_error, X, Y))
    for part in ("Layer 1: W1, (2, 2)", "Layer 2: W2, (2, 2)", "C = 0.2984", "Fact 6",
                 "delta = dC/dz   dC/da (.) s'(z) (Fact 2)"):  # fmt: skip
        assert part in text


def test_errors():
    with pytest.raises(gpubp.errors.ArgumentTypeError, match=r"model must be callable, got dict"):
        layers({"W": X}, half_squared_error, X, Y)

    class Scale(nn.Module):
        w: object

        def __call__(self, x):
            return self.w * x

    with pytest.raises(gpubp.errors.ArgumentError, match=r"must return one array, got the struc"):
        layers(nn.Lambda(lambda x: (x, x)), lambda pair, y: pair[0] @ y, X, Y)

    with pytest.raises(gpubp.errors.ArgumentError, match=r"multiplies none of its parameters"):
        layers(Scale(X), half_squared_error, X, Y)
