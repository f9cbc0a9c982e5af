"""An activation of a sum with a bias: what follows a matrix product, in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gpubp.core.primitive import PRIMITIVES, Needed, Tangents
from gpubp.rules.elementwise import add, exp, tanh, where
from gpubp.rules.families import aligned, like_argument, like_result, shape_only
from gpubp.rules.fused.composite import Composite


def _expit(z: Any) -> Any:
    return PRIMITIVES["special.expit"](z)


def _normal(z: Any) -> Any:
    """The normal distribution function."""
    return 0.5 * PRIMITIVES["special.erfc"](-math.sqrt(0.5) * z)


def _silu_slope(t: Any, z: Any) -> Any:
    y = _expit(z)
    return t * (y + z * y * _expit(-z))


def _gelu_slope(t: Any, z: Any) -> Any:
    return t * (_normal(z) + z * exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


class _Aligned(Composite):
    """Of arrays that broadcast against each other."""

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self(*aligned(batched, args), **params), True


class Biased(_Aligned):
    """``function(x + bias)``.

    Args:
        name: of the activation.
        function: of the sum ``z``, the activation.
        slope: ``(t, z)``, or ``(t, y)`` of the result if it is ``of_result``: ``t`` times the
            derivative at that place.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[Any], Any],
        slope: Callable[[Any, Any], Any],
        of_result: bool = False,
    ) -> None:
        super().__init__(f"bias_{name}", lambda x, bias: function(add(x, bias)))
        self.of_result = of_result
        self.slope = _Aligned(
            f"bias_{name}_slope",
            # A kernel may get from y what the formula computes of x + bias alone.
            slope if of_result else lambda t, y, x, bias: slope(t, add(x, bias)),
        )

    def _times_slope(self, t: Any, y: Any, args: Sequence[Any]) -> Any:
        return self.slope(t, y) if self.of_result else self.slope(t, y, *args)

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        terms = [like_result(t, y) for t in tangents if t is not None]
        total = terms[0] if len(terms) == 1 else add(*terms)
        return self._times_slope(total, y, args)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        dz = self._times_slope(ct, y, args)
        return [
            None if n is None else like_argument(dz, a) for n, a in zip(needed, args, strict=True)
        ]

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[Sequence[Any], Any]:
        if self.of_result:
            args = [shape_only(a) for a in args]
        return args, y


# By the names of the activations in gpubp.nn, of which the slopes are those.
WITH_BIAS: dict[str, Biased] = {
    "gelu": Biased("gelu", lambda z: z * _normal(z), _gelu_slope),
    "relu": Biased(
        "relu",
        lambda z: where(z <= 0, 0.0, z),
        lambda t, y: where(y == 0, 0.0, t),
        of_result=True,
    ),
    "sigmoid": Biased("sigmoid", _expit, lambda t, z: t * _expit(z) * _expit(-z)),
    "silu": Biased("silu", lambda z: z * _expit(z), _silu_slope),
    "tanh": Biased("tanh", tanh, lambda t, y: t * (1 - y * y), of_result=True),
}
