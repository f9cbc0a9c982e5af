"""Which way the gradients of each parameter go, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gpubp.batching.per_example.gradients import Gradients
from gpubp.batching.per_example.run import run
from gpubp.core import tree
from gpubp.core.array import Array
from gpubp.core.shapes import Shape
from gpubp.transforms.arguments import name_of, require_callable, with_keywords
from gpubp.transforms.calls import Capture, Function, abstract


class Route(NamedTuple):
    """One parameter's: whether norms and sums leave its gradients unmade, and how in words."""

    path: str
    shape: Shape
    structured: bool
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        how = "; ".join(self.reasons) or "the loss does not depend on it"
        made = "" if self.structured else " (gradients made, some examples at a time)"
        return f"{self.path or 'params'} {list(self.shape)}: {how}{made}"


class Routes(tuple[Route, ...]):
    """The routes of all parameters, in the order of the tree; printed, a line for each."""

    def __str__(self) -> str:
        return "\n".join(map(str, self))


def routes(loss: Callable[..., Any]) -> Callable[..., Routes]:
    """Function telling how norms and sums of each parameter's gradients will be found.

    Nothing is computed: ``loss`` runs on shapes. Arguments are as for
    :func:`~gpubp.per_example.gradients`.

    Returns:
        A function of ``(params, *batch)`` giving a tuple of :class:`Route`.

    Examples:
        >>> import gpubp, numpy as np
        >>> loss = lambda p, x: np.tanh(x @ p["w"] + p["b"]).sum()
        >>> params = {"w": np.ones((5, 3)), "b": np.ones(3)}
        >>> print(gpubp.per_example.routes(loss)(params, np.ones((10, 5))))
        ['b'] [3]: add: no larger than its result
        ['w'] [5, 3]: matmul: |a'|^2 |d_z|^2
    """
    require_callable(loss, "per_example.routes")

    def transformed(params: Any, *batch: Any, **kwargs: Any) -> Routes:
        found: list[Gradients] = []

        def noted(*args: Any) -> None:
            passed = run(with_keywords(loss, kwargs), args[0], args[1:], "per_example.routes")
            found.append(passed.gradients)

        function = Function(noted, (params, *batch))
        shapes = Capture()
        shapes.run(function.call, *[Array(abstract(x), shapes, None) for x in function.arrays])
        return Routes(_route(found[0], leaf, path) for leaf, path in enumerate(tree.paths(params)))

    transformed.__name__ = f"per_example.routes({name_of(loss)})"
    return transformed


def _route(found: Gradients, leaf: int, path: str) -> Route:
    return Route(
        path,
        tuple(found.leaves[leaf].shape),
        found.structured(leaf),
        tuple(dict.fromkeys(f"{term.name}: {term.route}" for term in found.terms(leaf))),
    )
