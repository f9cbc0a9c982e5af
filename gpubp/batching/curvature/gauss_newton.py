"""The generalised Gauss-Newton matrix J^T H J: J of a model's outputs, H of the loss by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpubp import errors
from gpubp.batching.per_example.run import run
from gpubp.core import array_namespace, tree
from gpubp.core.registry import FUNCTIONS
from gpubp.core.shapes import size_of
from gpubp.rules.elementwise import add, multiply
from gpubp.transforms.arguments import export, payload, plain, require_callable
from gpubp.transforms.grad import grad
from gpubp.transforms.jacobian import hessian
from gpubp.transforms.jvp import jvp
from gpubp.transforms.vjp import vjp
from gpubp.transforms.vmap import vmap


def gauss_newton_product(model: Callable[..., Any], loss: Callable[..., Any]) -> Callable[..., Any]:
    """Function multiplying by the Gauss-Newton matrix of the mean loss of a batch.

    Args:
        model: ``model(params, x)``, the outputs for one example.
        loss: ``loss(outputs, *targets)``, a real scalar of one example's outputs.

    Returns:
        A function of ``(params, v, x, *targets)``, ``v`` and the result trees like ``params``,
        examples along axis 0 of ``x`` and ``targets``. Martens, arXiv:1412.1193 (section 6).

    Examples:
        >>> import numpy as np
        >>> product = gauss_newton_product(lambda w, x: w * x, lambda y: np.sum(y**2) / 2)
        >>> product(np.ones(2), np.asarray([1.0, 1.0]), np.asarray([[1.0, 2.0], [3.0, 0.0]]))
        array([5., 2.])
    """
    require_callable(model, "gauss_newton_product")
    require_callable(loss, "gauss_newton_product")

    def transformed(params: Any, v: Any, x: Any, *targets: Any) -> Any:
        def outputs(params: Any) -> Any:
            return vmap(model, (None, 0))(params, x)

        def curved(y: Any, t: Any, *targets: Any) -> Any:
            return jvp(lambda y: grad(loss)(y, *targets), (y,), (t,))[1]

        y, t = jvp(outputs, (params,), (v,))
        _, pullback = vjp(outputs, params)
        found = vmap(curved)(y, t, *targets)
        count = tree.leaves(found)[0].shape[0]
        return pullback(tree.map(lambda u: array_namespace(u).divide(u, count), found))[0]

    return transformed


def gauss_newton_diagonal(
    model: Callable[..., Any], loss: Callable[..., Any]
) -> Callable[..., Any]:
    """Function returning the diagonal of the Gauss-Newton matrix of the mean loss of a batch.

    With H = sum_k s_k s_k^T for each example it is the mean over examples of sum_k (J^T s_k)^2:
    sums of squares of per-example gradients, from their factors. Negative eigenvalues of H, which
    only a loss that is not convex has, count as zero. Dangel et al., arXiv:1912.10985 (BackPACK's
    DiagGGNExact).

    Args:
        model: ``model(params, x)``, the outputs for one example, one array.
        loss: ``loss(outputs, *targets)``, a real scalar of one example's outputs.

    Returns:
        A function of ``(params, x, *targets)``, examples along axis 0, giving a tree like
        ``params``. It takes a backward pass for each number among an example's outputs.

    Examples:
        >>> import numpy as np
        >>> diagonal = gauss_newton_diagonal(lambda w, x: w * x, lambda y: np.sum(y**2) / 2)
        >>> diagonal(np.ones(2), np.asarray([[1.0, 2.0], [3.0, 0.0]]))
        array([5., 2.])
    """
    require_callable(model, "gauss_newton_diagonal")
    require_callable(loss, "gauss_newton_diagonal")

    def projected(params: Any, x: Any, direction: Any) -> Any:
        y = model(params, x)
        return array_namespace(y, direction).sum(y * direction)

    def transformed(params: Any, x: Any, *targets: Any) -> Any:
        y = vmap(model, (None, 0))(params, x)
        if len(tree.leaves(y)) != 1:
            raise errors.ArgumentError(
                f"gauss_newton_diagonal: model returns {len(tree.leaves(y))} arrays; concatenate "
                "them to one, and take them apart in loss"
            )
        count, *shape = y.shape
        width = size_of(tuple(shape))
        curvature = payload(vmap(hessian(loss))(y, *targets))
        matrices = FUNCTIONS["reshape"](curvature, (count, width, width))
        values, vectors = FUNCTIONS["linalg.eigh"](matrices)
        roots = FUNCTIONS["sqrt"](FUNCTIONS["maximum"](values, 0.0))
        scaled = multiply(vectors, FUNCTIONS["expand_dims"](roots, axis=1))
        total = None
        for k in range(width):
            direction = FUNCTIONS["reshape"](scaled[:, :, k], (count, *shape))
            found = run(projected, params, (x, export(direction)), "gauss_newton_diagonal")
            squares = found.gradients.total_squares()
            total = (
                squares if total is None else [add(*p) for p in zip(total, squares, strict=True)]
            )
        means = [export(multiply(plain(g), 1.0 / count)) for g in total or ()]
        return tree.unflatten(tree.structure(params), means)

    return transformed
