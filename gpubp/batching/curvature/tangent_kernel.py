"""The empirical neural tangent kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpubp.core import array_namespace
from gpubp.core.namespace import namespace_of
from gpubp.core.shapes import size_of
from gpubp.transforms.arguments import require_callable
from gpubp.transforms.jvp import jvp
from gpubp.transforms.vjp import vjp
from gpubp.transforms.vmap import vmap


def neural_tangent_kernel(
    model: Callable[..., Any], chunk_size: int | str | None = "auto", *, out: str = "device"
) -> Callable[..., Any]:
    """Function returning the kernel J(x1) J(x2)^T, J the Jacobian of outputs by all parameters.

    Block by block: the gradients of the outputs for ``chunk_size`` examples of ``x2``, pushed
    forward through the model at ``x1``; the Jacobians are never there. Jacot et al.,
    arXiv:1806.07572; Novak et al., arXiv:2206.08720 (their NTK-vector products).

    Args:
        model: ``model(params, x)``, the outputs for one example, one array.
        chunk_size: examples of ``x2`` at a time; ``"auto"``: as many as fit.
        out: ``"host"`` keeps the kernel on the host.

    Returns:
        A function of ``(params, x1, x2=None)``, examples along axis 0; without ``x2`` it is ``x1``.
        For outputs of shape s the result has shape (n1, n2, *s, *s).

    Examples:
        >>> import numpy as np
        >>> kernel = neural_tangent_kernel(lambda w, x: np.sum(w * x))
        >>> kernel(np.zeros(2), np.asarray([[1.0, 2.0], [3.0, 0.0]]))
        array([[5., 3.],
               [3., 9.]])
    """
    require_callable(model, "neural_tangent_kernel")

    def transformed(params: Any, x1: Any, x2: Any = None) -> Any:
        x2 = x1 if x2 is None else x2

        def outputs(params: Any) -> Any:
            return vmap(model, (None, 0))(params, x1)

        def column(x: Any) -> Any:
            """The kernel of all of ``x1`` with one example, (*s, n1, *s)."""
            y, pullback = vjp(lambda params: model(params, x), params)
            size = size_of(tuple(y.shape))
            namespace = namespace_of(y)
            xp = array_namespace(y)
            units = xp.reshape(
                namespace.backend.xp.eye(size, dtype=y.dtype, device=namespace.device),
                (size, *y.shape),
            )

            def row(unit: Any) -> Any:
                return jvp(outputs, (params,), (pullback(unit)[0],))[1]

            rows = vmap(row)(units)
            return xp.reshape(rows, (*y.shape, *rows.shape[1:]))

        found = vmap(column, chunk_size=chunk_size, out=out)(x2)  # (n2, *s, n1, *s)
        rank = (len(found.shape) - 2) // 2
        ours = tuple(range(rank + 2, 2 * rank + 2))
        axes = (rank + 1, 0, *ours, *range(1, rank + 1))
        return array_namespace(found).permute_dims(found, axes)

    return transformed
