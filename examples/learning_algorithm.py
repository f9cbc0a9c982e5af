"""Backpropagation proved and put to work (follows "Backpropagation algorithm derivation")."""

import time
from itertools import pairwise

import numpy as np
from _show import check, heading, slip
from sklearn.datasets import load_digits

import gpubp

rng = np.random.default_rng(0)


def xp_of(x):
    return x.__array_namespace__()


heading("Proposition 1, the chain rule: d_u f = D_u x . d_x f")
# D_u x has a row for each u and a column for each x: the denominator layout.


def f(x):
    return x[0] ** 2 * x[1] + xp_of(x).sin(x[2])


def x_of(u):  # R^2 -> R^3
    xp = xp_of(u)
    return xp.stack([u[0] * u[1], xp.exp(u[0]), u[1] ** 3])


u = np.asarray([0.5, -1.2])
x = np.asarray([u[0] * u[1], np.exp(u[0]), u[1] ** 3])
D = gpubp.jacobian(x_of, layout="denominator")(u)
check("D_u x", D, [[u[1], np.exp(u[0]), 0.0], [u[0], 0.0, 3 * u[1] ** 2]])
d_x = gpubp.grad(f)(x)
check("d_x f", d_x, [2 * x[0] * x[1], x[0] ** 2, np.cos(x[2])])
check("d_u f = D_u x . d_x f", gpubp.grad(lambda u: f(x_of(u)))(u), D @ d_x)
slip("the proof stacks the columns d_ui x; as rows of D_u x they are transposed")
slip("appendix A writes df_x for the derivative that is d_x f everywhere else")

heading("Proposition 2, the parallel chain rule: x_i = x_i(u_i)")


def parallel(u):
    return xp_of(u).sin(u) * u


u = np.asarray([0.4, 1.0, -0.7])
d_ux = np.cos(u) * u + np.sin(u)
D = gpubp.jacobian(parallel, layout="denominator")(u)
check("D_u x is diagonal", D, np.diag(d_ux))
d_x = gpubp.grad(f)(np.sin(u) * u)
check("d_u f = d_x f (.) d_u x", gpubp.grad(lambda u: f(parallel(u)))(u), d_x * d_ux)
slip("d_u x of a vector x is not in appendix A; it stands for the diagonal of D_u x")

heading("Proposition 2E: x_i depends on row i of U alone")


def by_rows(U):  # R^(3 x 2) -> R^3
    xp = xp_of(U)
    return xp.sin(U[:, 0]) * U[:, 1]


U = rng.normal(size=(3, 2))
d_x = gpubp.grad(f)(np.sin(U[:, 0]) * U[:, 1])
d_Uf = gpubp.grad(lambda U: f(by_rows(U)))(U)
D = gpubp.jacobian(by_rows, layout="denominator")(U)  # [row of U, column of U, x]
columns = [np.cos(U[:, 0]) * U[:, 1], np.sin(U[:, 0])]  # d_cj x = (dx_1/du_1j, ..., dx_m/du_mj)
for j, d_cx in enumerate(columns):
    check(f"D_c{j + 1} x is diagonal", D[:, j, :], np.diag(d_cx))
    check(f"d_c{j + 1} f = d_x f (.) d_c{j + 1} x", d_Uf[:, j], d_x * d_cx)
m, n = U.shape
slip(
    "the proof's diagonal runs from du_ij to du_nj; its entries are dx_i/du_ij for i = 1 .. m,\n"
    f"    as many as U has rows (columns here: {n}, rows: {m})",
    (n, n),
    D[:, 0, :].shape,
)

heading("Facts 1 to 6, for every layer of a 2-4-3-2 network")


def sigmoid(z):
    return 1 / (1 + xp_of(z).exp(-z))


def sigmoid_slope(z):
    a = sigmoid(z)
    return a * (1 - a)


def feedforward(params, x):
    """The z of every layer, and every a from a^0 = x on."""
    zs, activations = [], [x]
    for W, b in params:
        zs.append(W @ activations[-1] + b)
        activations.append(sigmoid(zs[-1]))
    return zs, activations


def half_squared_error(a, y):
    return xp_of(a).sum((y - a) ** 2) / 2


def cost(params, x, y):
    return half_squared_error(feedforward(params, x)[1][-1], y)


def initial(sizes):
    return [
        (rng.normal(size=(n_out, n_in)) / n_in**0.5, np.zeros(n_out))
        for n_in, n_out in pairwise(sizes)
    ]


params = initial([2, 4, 3, 2])
x, y = rng.uniform(size=2), np.asarray([0.0, 1.0])
zs, activations = feedforward(params, x)
gradients = gpubp.grad(cost)(params, x, y)

d_a = gpubp.grad(half_squared_error)(activations[-1], y)
check("Fact 1: d_a C = a - y, in the last layer", d_a, activations[-1] - y)
delta = y - activations[-1]
slip(
    "on the way, |delta|^2 / 2 becomes delta . delta, without the half; with it the gradient is\n"
    "    delta, without it 2 delta:",
    gpubp.grad(lambda d: xp_of(d).sum(d * d))(delta),
    gpubp.grad(lambda d: xp_of(d).sum(d * d) / 2)(delta),
)
for layer in range(len(params), 0, -1):
    (W, b), z, below = params[layer - 1], zs[layer - 1], activations[layer - 1]
    rest = params[layer:]
    print(f"  layer {layer}")

    def cost_from_z(z, rest, y):
        return cost(rest, sigmoid(z), y)

    def cost_from_below(a, rest, y):
        return cost(rest, a, y)

    d_z = gpubp.grad(cost_from_z)(z, rest, y)
    check("Fact 2: d_z C = d_a C (.) s'(z)", d_z, d_a * sigmoid_slope(z))
    check("Fact 3: d_b C = d_z C", gradients[layer - 1][1], d_z)
    column = gradients[layer - 1][0][:, 0]
    check("Fact 4: d_w1 C = a'_1 d_z C", column, below[0] * d_z)
    check("Fact 5: D_W C = d_z C (outer) a'", gradients[layer - 1][0], np.outer(d_z, below))
    D = gpubp.jacobian(lambda a, W, b: W @ a + b, layout="denominator")(below, W, b)
    check("        D_a' z = W^t", D, W.T)
    d_below = gpubp.grad(cost_from_below)(below, params[layer - 1 :], y)
    check("Fact 6: d_a' C = W^t d_z C", d_below, W.T @ d_z)
    d_a = d_below
W = params[-1][0]
slip(
    "writes d_a C = W^t d_z C in the derivation of Fact 6 and in the summary, without the prime:\n"
    "    W^t d_z C belongs to the layer below, a', and need not even have the length of a:",
    activations[-1].shape,
    (W.T @ (activations[-1] - y)).shape,
)
slip("d_b z = I and d_wi z = a'_i I; as diagonals they are the vectors 1 and a'_i 1")
slip("a_i'' has its primes on the index in the general case; it is a''_i")
slip(
    "D_u x ends in the row d_un x_1 .. d_un x_n; u has k entries, not n. D_a' z = W^t is n' x n:",
    (W.shape[0],) * 2,
    W.T.shape,
)
slip("Nielson is Nielsen (Michael Nielsen, Neural Networks and Deep Learning)")

heading("The learning algorithm, on scikit-learn's digits")


def backpropagate(params, x, y):
    """D_W C and d_b C of each layer, by the facts alone."""
    zs, activations = feedforward(params, x)
    gradients, d_a = [], activations[-1] - y
    for (W, _), z, below in zip(params[::-1], zs[::-1], activations[-2::-1], strict=True):
        d_z = d_a * sigmoid_slope(z)
        gradients.append((d_z[:, None] * below, d_z))
        d_a = W.T @ d_z
    return gradients[::-1]


def learn(params, gradient, images, labels, rate):
    """One time step: feed forward each example, and step against its derivatives."""
    for x, label in zip(images, labels, strict=True):
        d = gradient(params, x, np.eye(10)[label])
        params = [
            (W - rate * dW, b - rate * db) for (W, b), (dW, db) in zip(params, d, strict=True)
        ]
    return params


def accuracy(params, images, labels):
    outputs = images
    for W, b in params:
        outputs = sigmoid(outputs @ W.T + b)
    return float(np.mean(np.argmax(outputs, axis=1) == labels))


digits = load_digits()
order = rng.permutation(len(digits.target))
images, labels = digits.data[order] / 16, digits.target[order]
train, test = slice(0, 1437), slice(1437, None)
params = initial([64, 30, 10])

start = time.perf_counter()
by_facts = learn(params, backpropagate, images[train], labels[train], rate=0.5)
middle = time.perf_counter()
by_grad = learn(params, gpubp.grad(cost), images[train], labels[train], rate=0.5)
end = time.perf_counter()
for layer, (facts, grad) in enumerate(zip(by_facts, by_grad, strict=True), 1):
    for name, one, other in zip("Wb", facts, grad, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)
        print(f"  {name} of layer {layer}: the same after 1437 examples, by the facts and by grad")
print(f"  in {middle - start:.2f} s by the facts, {end - middle:.2f} s by grad")

print("  time step   accuracy on 1437 training and 360 test examples")
params = by_grad
for step in range(1, 9):
    held_out = accuracy(params, images[test], labels[test])
    print(f"  {step:>9}   {accuracy(params, images[train], labels[train]):.1%}   {held_out:.1%}")
    params = learn(params, backpropagate, images[train], labels[train], rate=0.5)
assert held_out > 0.95, f"test accuracy {held_out:.1%} after {step} time steps"
