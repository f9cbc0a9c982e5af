"""A 2-2-2 sigmoid network by numbers (follows "CPSC 4430/5440, lesson D02 (b)")."""

import numpy as np
from _show import check, heading, slip

import gpubp

x = np.asarray([0.05, 0.1])
target = np.asarray([0.01, 0.99])
params = {
    "W1": np.asarray([[0.15, 0.20], [0.25, 0.30]]),
    "b1": np.asarray(0.35),  # one bias for the layer, added to every unit
    "W2": np.asarray([[0.40, 0.45], [0.50, 0.55]]),
    "b2": np.asarray(0.60),
}


def sigmoid(net):
    xp = net.__array_namespace__()
    return 1 / (1 + xp.exp(-net))


def forward(params, x):
    net_h = params["W1"] @ x + params["b1"]
    out_h = sigmoid(net_h)
    net_o = params["W2"] @ out_h + params["b2"]
    return net_h, out_h, net_o, sigmoid(net_o)


def total_error(params, x, target):
    xp = x.__array_namespace__()
    return xp.sum((forward(params, x)[-1] - target) ** 2) / 2


heading("Forward pass")
slip("says that the bias is excluded for simplicity; both layers have one, 0.35 and 0.6")
net_h, out_h, net_o, out_o = forward(params, x)
# The note's numbers have nine digits; where it leaves a blank, the value is ours.
check("net_H = W1 x + b1", net_h, [0.3775, 0.3925])
check("out_H = sigmoid(net_H)", out_h, [0.593269992, 0.596884378], tol=1e-9, digits=9)
slip("out_H[0] loses a 9 in layer 1: 0.59326992", 0.59326992, 0.593269992, digits=9)
slip("out_H[1] gains an 8 in layer 2: 0.5968884378", 0.5968884378, 0.5968843783, digits=9)
check("net_O = W2 out_H + b2", net_o, [1.105905967, 1.224921404], tol=1e-9, digits=9)
check("out_O = sigmoid(net_O)", out_o, [0.75136507, 0.772928465], tol=1e-9, digits=9)

heading("Total error")
shares = (out_o - target) ** 2 / 2
check("each output's share of it", shares, [0.274811083, 0.023560026], tol=1e-9, digits=9)
error = total_error(params, x, target)
check("E_total = |out_O - target|^2 / 2", error, 0.298371109, tol=1e-9, digits=9)
slip("E_total = 0.274811083, which is the first output's share", shares[0], error, digits=9)

heading("Backward pass, layer 2")


def error_of_output(out):
    xp = out.__array_namespace__()
    return xp.sum((out - xp.asarray(target)) ** 2) / 2


dE_dout = gpubp.grad(error_of_output)(out_o)
check("I.   dE/d out_O = out_O - target", dE_dout, out_o - target)

dout_dnet = gpubp.jacobian(sigmoid)(net_o)
right = np.diag(out_o * (1 - out_o))
E, e = [np.diag(row) for row in np.eye(2)], np.eye(2)  # E_ii has its 1 at [i, i], e_i at [i]
by_units = sum(np.outer(E[i] @ (out_o * (1 - out_o)), e[i]) for i in range(2))
check("II.  d out_O / d net_O = diag(out (1 - out))", dout_dnet, right)
check("     as a sum of E_ii out (1 - out) e_i^T", by_units, right)
note = sum(np.outer(-E[i] @ out_o, e[i]) for i in range(2))
slip(
    "sum_i -E_ii out e_i: it lacks the factor 1 - out, has the sign of e^-x, and e_i is a row:\n"
    "    e_i^T",
    note,
    right,
)


def affine(A, x, b):
    return A @ x + b


dnet_dW2 = gpubp.jacobian(affine)(params["W2"], out_h, params["b2"])
tensor = np.asarray([[out_h, [0, 0]], [[0, 0], out_h]])
check("III. d net_O / d W2, a third-order tensor", dnet_dW2, tensor)

dE_dW2 = np.einsum("i,ij,jkl->kl", dE_dout, dout_dnet, dnet_dW2)
gradients = gpubp.grad(total_error)(params, x, target)
delta_o = (out_o - target) * out_o * (1 - out_o)
check("delta_O = dE/d net_O", dE_dout @ dout_dnet, delta_o)
check("dE/dW2 = delta_O (outer) out_H, by the chain rule", dE_dW2, np.outer(delta_o, out_h))
check("dE/dW2 by grad", gradients["W2"], np.outer(delta_o, out_h))
check(
    "dE/dW2 by numbers",
    gradients["W2"],
    [[0.082167041, 0.082667628], [-0.022602540, -0.022740242]],
    tol=2e-9,
    digits=9,
)
check("dE/db2, one bias for both units: the sum of delta_O", gradients["b2"], delta_o.sum())
slip(
    "dE/dW2 with the note's d out/d net", np.einsum("i,ij,jkl->kl", dE_dout, note, dnet_dW2), dE_dW2
)
slip(
    "writes the factors from the weights to the error, as columns (denominator layout) have it,\n"
    "    around a tensor whose first index is net_O (numerator layout): name the indices, or\n"
    "    keep to one layout:"
)
denominator = gpubp.jacobian(affine, layout="denominator")(params["W2"], out_h, params["b2"])
check("in the note's order, denominator layout", denominator @ dout_dnet.T @ dE_dout, dE_dW2)

heading("Backward pass, layer 1 (which the note leaves to the reader)")
delta_h = params["W2"].T @ delta_o * out_h * (1 - out_h)
check("dE/dW1 = delta_H (outer) x", gradients["W1"], np.outer(delta_h, x))
check(
    "dE/dW1 by numbers",
    gradients["W1"],
    [[0.000438568, 0.000877135], [0.000497713, 0.000995425]],
    tol=2e-9,
    digits=9,
)
check("dE/db1", gradients["b1"], delta_h.sum())
step = {name: params[name] - 0.5 * gradients[name] for name in params}
print(
    f"  a step against the gradient, 0.5 long, takes the error from {error:.9f}"
    f" to {total_error(step, x, target):.9f}"
)
assert total_error(step, x, target) < error

heading("Appendix: Jacobians of functions that act on each element")
v = np.asarray([0.5, 2.0])
right = -np.diag(1 / v**2)
check("1. y = 1 / x", gpubp.jacobian(lambda x: 1 / x)(v), right)
check("   -sum_i E_ii y^2 e_i^T", -sum(np.outer(E[i] @ v**-2, e[i]) for i in range(2)), right)
slip("sets [1/x_1, 1/x_2] =: x; that vector is 1/x")
right = -np.diag(np.exp(-v))


def decay(x):
    xp = x.__array_namespace__()
    return xp.exp(-x)


check("2. y = e^-x", gpubp.jacobian(decay)(v), right)
check("   -sum_i E_ii y e_i^T", -sum(np.outer(E[i] @ np.exp(-v), e[i]) for i in range(2)), right)
slip("E_ii y e_i is a matrix by a column by a column, which has no product; with e_i^T it has")
slip(
    "dy_i/dx_j in row i for 1/x, in row j for e^-x: two layouts, alike only while the matrix is\n"
    "    diagonal. For y = A x they are A and A^T:"
)
A, b = np.asarray([[1.0, 2.0], [3.0, 4.0]]), np.asarray([0.1, -0.2])
check(
    "   numerator layout",
    gpubp.jacobian(lambda x: affine(x.__array_namespace__().asarray(A), x, 0))(v),
    A,
)
check(
    "   denominator layout",
    gpubp.jacobian(
        lambda x: affine(x.__array_namespace__().asarray(A), x, 0), layout="denominator"
    )(v),
    A.T,
)

dy_dA = gpubp.jacobian(affine)(A, v, b)
right = np.asarray([[v, [0, 0]], [[0, 0], v]])
check("3. y = A x + b: dy/dA = [[x^T; 0], [0; x^T]]", dy_dA, right)
check("   in general dy_i / dA_jk = delta_ij x_k", dy_dA, np.einsum("ij,k->ijk", np.eye(2), v))
slip(
    "the blocks' second rows have each other's y: dy_2/da_21 in the block of y_1, dy_1/da_21 in\n"
    "    that of y_2. Worked out as written they are not the result:",
    [[v, v], [0 * v, 0 * v]],
    right,
)
slip(
    "the generalised dy/dA is [[x 0 0 1^T], ...], which cannot be read; in indices it is the above"
)
