"""The cases of bench_batched.py: one computation by several contestants, each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

import gpubp
from gpubp import per_example
from gpubp_numpy.kernels.products import matmul

warnings.filterwarnings("ignore", "Full backward hook")  # inputs need no gradient here
BATCH, F = 256, np.float32
TORCH, JAX, OURS, COMPILED = "torch.func", "JAX jit", "gpubp", "gpubp compiled"


@dataclass(frozen=True)
class Case:
    """``numbers`` makes host arrays of any contestant's result."""

    calls: dict[str, Callable[[], Any]]
    unit: str = TORCH

    def numbers(self, found: Any) -> list[np.ndarray]:
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        return [x.detach().numpy() if isinstance(x, torch.Tensor) else np.asarray(x) for x in found]


def compiled(f: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    run = gpubp.compile(f)
    return lambda: run(*args)


def by_jax(f: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    run = jax.jit(f)
    on_device = jax.tree.map(jnp.asarray, args)
    return lambda: jax.block_until_ready(run(*on_device))


# A classifier 784-512-10, its parameters as (in, out)

RNG = np.random.default_rng(0)
W1, W2 = RNG.normal(size=(784, 512)).astype(F) / 28, RNG.normal(size=(512, 10)).astype(F) / 22
PARAMS = (W1, np.zeros(512, F), W2, np.zeros(10, F))
X, Y = RNG.normal(size=(BATCH, 784)).astype(F), RNG.integers(0, 10, BATCH)
TP = tuple(torch.from_numpy(p) for p in PARAMS)
TX, TY = torch.from_numpy(X), torch.from_numpy(Y)


def ours(params: Any, x: Any, y: Any) -> Any:
    w1, b1, w2, b2 = params
    z = np.tanh(x @ w1 + b1) @ w2 + b2
    return np.log(np.sum(np.exp(z))) - z[y]


def with_torch(params: Any, x: Any, y: Any) -> Any:
    w1, b1, w2, b2 = params
    z = torch.tanh(x @ w1 + b1) @ w2 + b2
    return torch.nn.functional.cross_entropy(z[None], y[None])


def with_jax(params: Any, x: Any, y: Any) -> Any:
    w1, b1, w2, b2 = params
    z = jnp.tanh(x @ w1 + b1) @ w2 + b2
    return jax.nn.logsumexp(z) - z[y]


TORCH_GRADS = torch.func.vmap(torch.func.grad(with_torch), (None, 0, 0))
JAX_GRADS = jax.vmap(jax.grad(with_jax), (None, 0, 0))


def lengths(xp: Any, grads: Any) -> Any:
    return xp.sqrt(sum(xp.sum(g.reshape(BATCH, -1) ** 2, 1) for g in grads))


def clipped(xp: Any, grads: Any) -> Any:
    factors = xp.clip(1 / lengths(xp, grads), 0, 1)
    return [xp.einsum("b,b...->...", factors, g) for g in grads]


def network() -> torch.nn.Sequential:
    first, second = torch.nn.Linear(784, 512), torch.nn.Linear(512, 10)
    with torch.no_grad():
        for parameter, values in zip(
            (first.weight, first.bias, second.weight, second.bias), TP, strict=True
        ):
            parameter.copy_(values.T if values.ndim == 2 else values)
    return torch.nn.Sequential(first, torch.nn.Tanh(), second)


def as_ours(grads: list[Any]) -> list[Any]:
    """Gradients (batch, out, in) as views (batch, in, out)."""
    return [g.mT if g.ndim == 3 else g for g in grads]


def opacus_grads() -> Callable[[], list[Any]]:
    from opacus import GradSampleModule

    model = GradSampleModule(network(), loss_reduction="sum")
    criterion = torch.nn.CrossEntropyLoss(reduction="sum")

    def run() -> list[Any]:
        model.zero_grad(set_to_none=True)
        criterion(model(TX), TY).backward()
        found = as_ours([p.grad_sample for p in model.parameters()])
        for p in model.parameters():
            p.grad_sample = None
        return found

    return run


def opacus_ghost() -> Callable[[], Any]:
    """Norms by Opacus's own Gram trick."""
    from opacus.grad_sample import GradSampleModuleFastGradientClipping as Ghost

    model = Ghost(network(), loss_reduction="sum", max_grad_norm=1.0, use_ghost_clipping=True)
    criterion = torch.nn.CrossEntropyLoss(reduction="sum")

    def run() -> Any:
        model.zero_grad(set_to_none=True)
        criterion(model(TX), TY).backward()
        return model.get_norm_sample()

    return run


def backpack_quantity(extension: Any, attribute: str) -> Callable[[], list[Any]]:
    from backpack import backpack, extend

    model, criterion = extend(network()), extend(torch.nn.CrossEntropyLoss(reduction="sum"))

    def run() -> list[Any]:
        model.zero_grad(set_to_none=True)
        with backpack(extension()):
            criterion(model(TX), TY).backward()
        return [getattr(p, attribute) for p in model.parameters()]

    return run


def gradients() -> Case:
    from backpack.extensions import BatchGrad

    f = per_example.gradients(ours)
    batch_grad = backpack_quantity(BatchGrad, "grad_batch")
    return Case(
        {
            TORCH: lambda: TORCH_GRADS(TP, TX, TY),
            JAX: by_jax(JAX_GRADS, PARAMS, X, Y),
            "Opacus": opacus_grads(),
            "BackPACK": lambda: as_ours(batch_grad()),
            OURS: lambda: f(PARAMS, X, Y),
            COMPILED: compiled(f, PARAMS, X, Y),
        }
    )


def norms() -> Case:
    from backpack.extensions import BatchL2Grad

    f, squares = per_example.norms(ours), backpack_quantity(BatchL2Grad, "batch_l2")
    made = opacus_grads()
    return Case(
        {
            TORCH: lambda: lengths(torch, TORCH_GRADS(TP, TX, TY)),
            JAX: by_jax(lambda *a: lengths(jnp, JAX_GRADS(*a)), PARAMS, X, Y),
            "Opacus": lambda: lengths(torch, made()),
            "Opacus ghost": opacus_ghost(),
            "BackPACK": lambda: torch.sqrt(sum(squares())),
            OURS: lambda: f(PARAMS, X, Y),
            COMPILED: compiled(f, PARAMS, X, Y),
        }
    )


def clipped_sums() -> Case:
    f, made = per_example.clipped_sum(ours, 1.0), opacus_grads()
    return Case(
        {
            TORCH: lambda: clipped(torch, TORCH_GRADS(TP, TX, TY)),
            JAX: by_jax(lambda *a: clipped(jnp, JAX_GRADS(*a)), PARAMS, X, Y),
            "Opacus": lambda: clipped(torch, made()),
            OURS: lambda: f(PARAMS, X, Y),
            COMPILED: compiled(f, PARAMS, X, Y),
        }
    )


def jacobians() -> Case:
    weights = [RNG.normal(size=(64, 64)).astype(F) / 8 for _ in range(2)]
    x = RNG.normal(size=(128, 64)).astype(F)

    def network(xp: Any, weights: Any) -> Callable[[Any], Any]:
        return lambda x: xp.tanh(xp.tanh(x @ weights[0]) @ weights[1])

    tensors = [torch.from_numpy(w) for w in weights]
    tx = torch.from_numpy(x)
    by_torch = torch.func.vmap(torch.func.jacrev(network(torch, tensors)))
    f = gpubp.vmap(gpubp.jacobian(network(np, weights)))
    return Case(
        {
            TORCH: lambda: by_torch(tx),
            JAX: by_jax(jax.vmap(jax.jacrev(network(jnp, weights))), x),
            OURS: lambda: f(x),
            COMPILED: compiled(f, x),
        }
    )


def hessian() -> Case:
    x, w = RNG.normal(size=(1000, 200)).astype(F), RNG.normal(size=200).astype(F) / 14

    def loss(xp: Any, x: Any) -> Callable[[Any], Any]:
        return lambda w: xp.mean(xp.log(1 + xp.exp(-(x @ w))))

    tx, tw = torch.from_numpy(x), torch.from_numpy(w)
    by_torch = torch.func.hessian(loss(torch, tx))
    f = gpubp.hessian(loss(np, x))
    return Case(
        {
            TORCH: lambda: by_torch(tw),
            JAX: by_jax(jax.hessian(loss(jnp, x)), w),
            OURS: lambda: f(w),
            COMPILED: compiled(f, w),
        }
    )


def product(a: Any, b: Any, turn: Callable[[Any, Any], Any] = lambda a, b: (a, b)) -> Case:
    """The product over a batch as users reach it: vmap of ``@``."""
    ta, tb = torch.from_numpy(a), torch.from_numpy(b)
    axes = (0, None if b.ndim == 2 else 0)

    def one(a: Any, b: Any) -> Any:
        a, b = turn(a, b)
        return a @ b

    by_torch, f = torch.func.vmap(one, axes), gpubp.vmap(one, axes)
    return Case(
        {
            TORCH: lambda: by_torch(ta, tb),
            JAX: by_jax(jax.vmap(one, axes), a, b),
            OURS: lambda: f(a, b),
            COMPILED: compiled(f, a, b),
        }
    )


def stack(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(F)


def routes() -> Case:
    pairs = [
        (stack(4096, 16, 1), stack(4096, 1, 16)),
        (stack(4096, 16, 16), np.broadcast_to(stack(16, 16), (4096, 16, 16))),
        (stack(4096, 2, 2), stack(4096, 2, 2)),
        (stack(4096, 16, 16), stack(4096, 16, 16).mT),
    ]
    return Case(
        {
            "NumPy": lambda: [np.matmul(*pair) for pair in pairs],
            OURS: lambda: [matmul(*pair) for pair in pairs],
        },
        unit="NumPy",
    )


CASES: dict[str, Callable[[], Case]] = {
    "gradients": gradients,
    "norms": norms,
    "clipped sums": clipped_sums,
    "jacobians": jacobians,
    "hessian": hessian,
    "products": lambda: product(stack(4096, 16, 16), stack(4096, 16, 16)),
    "shared right": lambda: product(stack(4096, 16, 16), stack(16, 16)),
    "transposed left": lambda: product(
        stack(4096, 16, 16), stack(4096, 16, 16), lambda a, b: (a.T, b)
    ),
    "transposed right": lambda: product(
        stack(4096, 16, 16), stack(4096, 16, 16), lambda a, b: (a, b.T)
    ),
    "routes": routes,
}
