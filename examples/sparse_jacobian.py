"""A sparse Jacobian from as many JVPs as its pattern has colours: Newton's method on a grid."""

import time

import numpy as np
from _show import check, heading
from scipy import sparse
from scipy.sparse.linalg import spsolve

import gpubp

N = 60  # -laplacian(u) + u^3 = 1 on N x N points of the unit square, u = 0 around them
H = 1 / (N + 1)


def residual(u):
    """Of the five-point stencil, times H^2; `u` of shape (N, N)."""
    xp = u.__array_namespace__()
    across, down = xp.zeros((N, 1)), xp.zeros((1, N))
    left, right = xp.concat([across, u[:, :-1]], axis=1), xp.concat([u[:, 1:], across], axis=1)
    above, below = xp.concat([down, u[:-1, :]], axis=0), xp.concat([u[1:, :], down], axis=0)
    return 4 * u - left - right - above - below + H**2 * (u**3 - 1)


# Each residual depends on its point and that point's four neighbours.
line = sparse.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(N, N))
one = sparse.eye_array(N)
pattern = sparse.kron(line, one) + sparse.kron(one, line)
jacobian = gpubp.jacobian(residual, sparsity=pattern)

heading(f"{N * N} unknowns, {pattern.nnz} of {N**4} entries")
gpubp.testing.check_sparsity(residual, np.ones((N, N)), pattern)
print("  the pattern holds every entry")

heading("Newton's method, with SciPy's sparse solver")
u = np.zeros((N, N))
for step in range(5):
    start = time.perf_counter()
    matrix = jacobian(u)
    took = time.perf_counter() - start
    r = residual(u)
    print(f"  step {step}: |residual| {np.linalg.norm(r):.1e}, Jacobian in {took * 1e3:.1f} ms")
    u = u - spsolve(matrix.tocsc(), r.ravel()).reshape(u.shape)
check("largest residual", np.max(np.abs(residual(u))), 0.0, tol=1e-12)

heading("The same matrix by hand")
laplacian = sparse.kron(4 * one - line + one, one) - sparse.kron(one, line - one)
by_hand = laplacian + sparse.diags_array(3 * H**2 * u.ravel() ** 2)
check("largest difference", abs(jacobian(u) - by_hand).max(), 0.0, tol=1e-13)
