"""The pattern of a sparse Jacobian checked against the derivative itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpubp.core.backend import backend_of
from gpubp.errors import LawError
from gpubp.testing.differences import direction, precision
from gpubp.transforms.jacobian import jacobian
from gpubp.transforms.jvp import jvp


def check_sparsity(f: Callable[[Any], Any], x: Any, sparsity: Any) -> None:
    """Check that a pattern holds every entry of the Jacobian of ``f`` at ``x``.

    A JVP along a direction without zeros is compared with the same product by the sparse Jacobian:
    an entry that is missing makes them differ.

    Args:
        f: function of one array that returns one.
        x: where to check; entries that happen to be zero there cannot be missed.
        sparsity: the pattern, as :func:`gpubp.jacobian` takes it.

    Raises:
        LawError: (an AssertionError) names the first row of the Jacobian that differs.
        ArgumentError: (a ValueError) for a pattern that does not fit, or that :func:`jacobian`
            itself finds wrong.

    Examples:
        >>> import numpy as np
        >>> check_sparsity(lambda x: x * x, np.ones(3), np.eye(3))
        >>> check_sparsity(lambda x: x * x[::-1], np.ones(3), np.eye(3))
        Traceback (most recent call last):
          ...
        gpubp.errors.LawError: check_sparsity: row 0 of the Jacobian has entries that the ...
    """
    matrix = jacobian(f, sparsity=sparsity)(x)
    t = direction(x, 0)
    y, whole = jvp(f, (x,), (t,))
    to_numpy = backend_of(x).to_numpy
    expected = to_numpy(whole).reshape(-1)
    found = matrix @ to_numpy(t).reshape(-1)
    scale = abs(matrix) @ abs(to_numpy(t).reshape(-1)) + abs(expected)
    wrong = abs(found - expected) > 1e3 * precision(y) * scale
    if wrong.any():
        row = int(wrong.argmax())
        raise LawError(
            f"check_sparsity: row {row} of the Jacobian has entries that the pattern lacks: its "
            f"product with a direction is {expected[row]}, with the pattern {found[row]}; add them"
        )
