"""The empirical Fisher matrix: the mean of the gradients' outer products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpubp.core import array_namespace
from gpubp.transforms.arguments import require_callable
from gpubp.transforms.jvp import jvp
from gpubp.transforms.vjp import vjp
from gpubp.transforms.vmap import vmap


def fisher_product(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Function multiplying by the empirical Fisher matrix, the mean of g g^T over examples.

    Args:
        loss: ``loss(params, *example)``, a real scalar of one example; g is its gradient.

    Returns:
        A function of ``(params, v, *batch)``, ``v`` and the result trees like ``params``. It takes
        one forward pass for g . v and one backward pass, whatever the number of examples. Kunstner
        et al., arXiv:1905.12558, on what this matrix is and is not.

    Examples:
        >>> import numpy as np
        >>> product = fisher_product(lambda w, x: np.sum(w * x))
        >>> product(np.zeros(2), np.asarray([1.0, 0.0]), np.asarray([[1.0, 2.0], [3.0, 0.0]]))
        array([5., 1.])
    """
    require_callable(loss, "fisher_product")

    def transformed(params: Any, v: Any, *batch: Any) -> Any:
        def losses(params: Any) -> Any:
            return vmap(loss, (None, *(0 for _ in batch)))(params, *batch)

        _, slopes = jvp(losses, (params,), (v,))
        _, pullback = vjp(losses, params)
        return pullback(array_namespace(slopes).divide(slopes, slopes.shape[0]))[0]

    return transformed
