"""Which way a product of matrices goes."""

from __future__ import annotations

from typing import Any

from gpubp.core.backend import backend_of


def product_route(a: Any, b: Any) -> str:
    """How ``a @ b`` is computed, and why; for arrays of at least two axes.

    The rule is the backend's, with thresholds that were measured; what lies where matters too.

    Examples:
        >>> import numpy as np
        >>> product_route(np.ones((4096, 2, 2)), np.ones((4096, 2, 2)))
        'batch last: below 4 x 4 a call of BLAS takes longer than the product'
    """
    return ": ".join(backend_of(a).product_route(a, b))
