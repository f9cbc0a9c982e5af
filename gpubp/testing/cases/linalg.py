"""The `linalg` extension, in the standard's order.

What a library may choose (the order of eigenvalues, phases of vectors) is left out of the results.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpubp.testing.cases.draw import Draw, distinct, fixed, nonzero, reals
from gpubp.testing.cases.row import Entry, case, row


def regular(*shape: int) -> Draw:
    """Well conditioned matrices, with singular values and eigenvalues apart by one or so."""

    def sample(rng: np.random.Generator, s: tuple[int, ...]) -> np.ndarray:
        levels = np.eye(s[-2], s[-1]) * np.arange(1, s[-1] + 1)
        return rng.uniform(-0.3, 0.3, s) + levels

    return Draw(shape, sample)


ROTATION = fixed([[0.5, -2.0, 0.3], [1.7, 0.8, 0.1], [0.2, -0.4, -1.0]])  # complex eigenvalues
SINGULAR = fixed([[1.0, 2.0, 0.5], [2.0, 4.0, 1.0], [0.3, -1.0, 2.0]])  # of rank 2
RANK_ONE = fixed([[1.0, 2.0, 0.5], [2.0, 4.0, 1.0], [-1.0, -2.0, -0.5]])
ONES = fixed([[1.0, 0.0], [0.0, 1.0]])  # equal eigenvalues and singular values
NOTHING = fixed([[0.0, 0.0], [0.0, 0.0]])
OUTSIDE: dict[str, Any] = {"numpy_function": False}  # np.linalg.eig of a matrix may be real

CUPY: dict[str, Any] = {"filled": ("cupy",)}  # whose own function does not broadcast


def adjoint(xp: Any, x: Any) -> Any:
    return xp.conj(xp.matrix_transpose(x))


def hermitian(xp: Any, x: Any) -> Any:
    return (x + adjoint(xp, x)) / 2


def by(name: str, **kwargs: Any) -> Callable[..., Any]:
    return lambda xp, *arrays: getattr(xp.linalg, name)(*arrays, **kwargs)


def cholesky(**kwargs: Any) -> Callable[..., Any]:
    return lambda xp, x: xp.linalg.cholesky(hermitian(xp, x), **kwargs)


def powers(xp: Any, w: Any) -> list[Any]:
    """Symmetric functions of eigenvalues: their order is the library's."""
    return [xp.sum(w, axis=-1), xp.sum(w * w * w, axis=-1)]


def weights(xp: Any, w: Any, v: Any) -> Any:
    """How much of each eigenvalue there is in each element."""
    return xp.sum(w[..., None, :] * xp.abs(v) ** 2, axis=-1)


def eigenvectors(name: str, prepare: Callable[..., Any] = lambda xp, x: x) -> Callable[..., Any]:
    def call(xp: Any, x: Any) -> Any:
        w, v = getattr(xp.linalg, name)(prepare(xp, x))
        return weights(xp, w**2, v)

    return call


def eigenspaces(xp: Any, x: Any) -> Any:
    """Projection onto the two lowest of three eigenvalues, though these are equal."""
    _, v = xp.linalg.eigh(hermitian(xp, x))
    return v[:, :2] @ adjoint(xp, v[:, :2])


def square_root(full_matrices: bool) -> Callable[..., Any]:
    """`U sqrt(S) Vh`, which binds the phases of U and Vh together, and what is beside it."""

    def call(xp: Any, x: Any) -> Any:
        u, s, vh = xp.linalg.svd(x, full_matrices=full_matrices)
        k = s.shape[-1]
        root = (u[..., :k] * xp.sqrt(s)[..., None, :]) @ vh[..., :k, :]
        beside_u, beside_v = u[..., k:], adjoint(xp, vh[..., k:, :])
        return [root, beside_u @ adjoint(xp, beside_u), beside_v @ adjoint(xp, beside_v)]

    return call


def norm_cases(
    name: str, orders: Any, domain: Callable[..., Draw], shape: tuple[int, ...], **kwargs: Any
) -> list[Entry]:
    return [case(f"ord {ord}", by(name, ord=ord, **kwargs), domain(*shape)) for ord in orders]


ROWS = [
    row(
        "linalg.cholesky",
        case("lower", cholesky(), regular(3, 3)),
        case("upper", cholesky(upper=True), regular(3, 3)),
        case("stack", cholesky(), regular(2, 2, 2)),
        case("stack, upper", cholesky(upper=True), regular(2, 2, 2)),
        complex=True,
    ),
    row(
        "linalg.cross",
        case("vectors", by("cross"), reals(3), reals(3)),
        case("axis", by("cross", axis=-2), reals(3, 2), reals(3, 2)),
        case("broadcast", by("cross"), reals(2, 1, 3), reals(2, 3)),
        complex=True,
    ),
    row(
        "linalg.det",
        case("matrix", by("det"), regular(3, 3)),
        case("stack", by("det"), regular(2, 2, 2)),
        case("one by one", by("det"), reals(1, 1)),
        case("rank n - 1", by("det"), SINGULAR),
        case("rank n - 2", by("det"), RANK_ONE),
        case("zero", by("det"), NOTHING),
        case("identity", by("det"), ONES),
        complex=True,
    ),
    row(
        "linalg.diagonal",
        case("matrix", by("diagonal"), reals(2, 3)),
        case("above", by("diagonal", offset=1), reals(2, 2, 3)),
        case("below", by("diagonal", offset=-2), reals(4, 3)),
        case("outside", by("diagonal", offset=3), reals(2, 3)),
        complex=True,
    ),
    row(
        "linalg.eig",
        case("vectors", eigenvectors("eig"), regular(3, 3)),
        case("complex vectors", eigenvectors("eig"), ROTATION),
        case("stack", eigenvectors("eig"), regular(2, 2, 2)),
        complex=True,
        **OUTSIDE,
    ),
    row(
        "linalg.eigh",
        case("vectors", eigenvectors("eigh", hermitian), regular(3, 3)),
        case("stack", eigenvectors("eigh", hermitian), regular(2, 2, 2)),
        case(
            "equal values",
            eigenspaces,
            fixed(np.diag([1.0, 1.0, 3.0]) + 0.5 * np.outer([1, -1, 0], [1, 1, 0])),
        ),
        complex=True,
    ),
    row(
        "linalg.eigvals",
        case("matrix", lambda xp, x: powers(xp, xp.linalg.eigvals(x)), regular(3, 3)),
        case("complex values", lambda xp, x: powers(xp, xp.linalg.eigvals(x)), ROTATION),
        case("stack", lambda xp, x: powers(xp, xp.linalg.eigvals(x)), regular(2, 2, 2)),
        complex=True,
        **OUTSIDE,
    ),
    row(
        "linalg.eigvalsh",
        case("matrix", lambda xp, x: xp.linalg.eigvalsh(hermitian(xp, x)), regular(3, 3)),
        case("stack", lambda xp, x: xp.linalg.eigvalsh(hermitian(xp, x)), regular(2, 2, 2)),
        complex=True,
    ),
    row(
        "linalg.inv",
        case("matrix", by("inv"), regular(3, 3)),
        case("stack", by("inv"), regular(2, 2, 2)),
        case("identity", by("inv"), ONES),
        complex=True,
    ),
    row(
        "linalg.matmul",
        case("matrices", by("matmul"), reals(2, 3), reals(3, 2)),
        complex=True,
    ),
    row(
        "linalg.matrix_norm",
        *norm_cases("matrix_norm", ["fro", "nuc", 2, -2], regular, (2, 3)),
        *norm_cases("matrix_norm", [1, -1, math.inf, -math.inf], distinct, (2, 3)),
        case("stack", by("matrix_norm"), reals(2, 2, 3)),
        case("stack, ord 2, keepdims", by("matrix_norm", ord=2, keepdims=True), regular(2, 3, 2)),
        case("stack, ord 1, keepdims", by("matrix_norm", ord=1, keepdims=True), distinct(2, 3, 2)),
        complex=True,
    ),
    row(
        "linalg.matrix_power",
        *[
            case(f"n = {n}", lambda xp, x, n=n: xp.linalg.matrix_power(x, n), regular(2, 2))
            for n in (0, 1, 2, 5, -1, -3)
        ],
        case("stack", lambda xp, x: xp.linalg.matrix_power(x, 3), regular(2, 2, 2)),
        complex=True,
    ),
    row(
        "linalg.matrix_rank",
        case("matrix", by("matrix_rank"), regular(2, 3)),
        case("singular", by("matrix_rank"), RANK_ONE),
        case("rtol", by("matrix_rank", rtol=0.7), regular(2, 2, 3)),
        complex=True,
        **OUTSIDE,
    ),
    row(
        "linalg.matrix_transpose",
        case("stack", by("matrix_transpose"), reals(2, 2, 3)),
        complex=True,
    ),
    row("linalg.outer", case("vectors", by("outer"), reals(2), reals(3)), complex=True),
    row(
        "linalg.pinv",
        case("square", by("pinv"), regular(2, 2)),
        case("tall", by("pinv"), regular(3, 2)),
        case("wide stack", by("pinv"), regular(2, 2, 3)),
        case("rtol", by("pinv", rtol=1e-3), regular(3, 2)),
        complex=True,
        **OUTSIDE,
    ),
    row(
        "linalg.qr",
        case("square", by("qr"), regular(3, 3)),
        case("tall", by("qr"), regular(2, 3, 2)),
        case("wide", by("qr"), regular(2, 3)),
        case("complete", by("qr", mode="complete"), regular(2, 2)),
        case("complete, wide", by("qr", mode="complete"), regular(2, 3)),
        complex=True,
    ),
    row(
        "linalg.slogdet",
        case("matrix", by("slogdet"), regular(3, 3)),
        case("negative", by("slogdet"), ROTATION),
        case("stack", by("slogdet"), regular(2, 2, 2)),
        complex=True,
    ),
    row(
        "linalg.solve",
        case("vector", by("solve"), regular(3, 3), reals(3)),
        case("matrix", by("solve"), regular(2, 2), reals(2, 3)),
        case("stack, vector", by("solve"), regular(2, 2, 2), reals(2), **CUPY),
        case("stack, matrix", by("solve"), regular(2, 2, 2), reals(2, 3), **CUPY),
        case("matrix, stack", by("solve"), regular(2, 2), reals(3, 2, 1), **CUPY),
        case("stacks", by("solve"), regular(2, 1, 2, 2), reals(3, 2, 2), **CUPY),
        complex=True,
    ),
    row(
        "linalg.svd",
        case("square", square_root(False), regular(3, 3)),
        case("tall", square_root(False), regular(3, 2)),
        case("wide stack", square_root(False), regular(2, 2, 3)),
        case("full, tall", square_root(True), regular(2, 3, 2)),
        case("full, wide", square_root(True), regular(2, 4)),
        complex=True,
    ),
    row(
        "linalg.svdvals",
        case("wide", by("svdvals"), regular(2, 3)),
        case("tall stack", by("svdvals"), regular(2, 3, 2)),
        complex=True,
    ),
    row("linalg.tensordot", case("two axes", by("tensordot"), reals(2, 3), reals(2, 3))),
    row(
        "linalg.trace",
        case("matrix", by("trace"), reals(2, 3)),
        case("above", by("trace", offset=1), reals(2, 2, 3)),
        case("below", by("trace", offset=-1), reals(2, 3)),
        complex=True,
    ),
    row("linalg.vecdot", case("vectors", by("vecdot"), reals(2, 3), reals(3)), complex=True),
    row(
        "linalg.vector_norm",
        *norm_cases("vector_norm", [1, 2, 3, 2.5, 0.5, -1, -1.5, 0], nonzero, (2, 3)),
        *norm_cases("vector_norm", [math.inf, -math.inf], distinct, (2, 3)),
        case("axis", by("vector_norm", axis=0), reals(2, 3)),
        case("axes, keepdims", by("vector_norm", axis=(0, -1), keepdims=True), reals(2, 3, 2)),
        case("axes, ord 3", by("vector_norm", axis=(0, -1), ord=3), nonzero(2, 3, 2)),
        case("0-d", by("vector_norm"), nonzero()),
        complex=True,
    ),
]
