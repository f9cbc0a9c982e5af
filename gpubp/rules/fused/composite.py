"""Operations made of others that a backend may compute in one pass.

Written out, a softmax is five operations and its derivative five more, and between any two of them
everything goes to memory and back. As one primitive it is one kernel where a backend has one, and
keeps no more than its derivative needs. The formula, in functions of the library, stands behind
it: it is what runs where there is no kernel, what a recording for ``compile`` takes, and what
derivatives come from that have no rule of their own (those of the rule itself, for example).

Axes are counted from the end, so that a batch in front changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp.core.abstract import SCALARS
from gpubp.core.array import Array
from gpubp.core.backend import Backend
from gpubp.core.primitive import Needed, Primitive, Tangents
from gpubp.core.trace import EVALUATION, alike
from gpubp.rules.families import materialize, shape_only


class Composite(Primitive):
    """An operation made of others.

    Args:
        name: of the backends' kernels too.
        formula: ``(*args, **params)`` of arrays all raw or all traced.
        forward: the tangent ``(t, y, *args, **params)`` by the first argument; the others are
            constants. Without it the formula is differentiated.
        transpose: likewise ``(ct, y, *args, **params)``, its cotangent.
        keeps: what of ``args`` and ``y`` these use.
    """

    composite = True

    def __init__(
        self,
        name: str,
        formula: Callable[..., Any],
        forward: Callable[..., Any] | None = None,
        transpose: Callable[..., Any] | None = None,
        keeps: Sequence[str] = ("args", "y"),
    ) -> None:
        super().__init__(name)
        self.formula = formula
        self.forward = forward
        self.transpose = transpose
        self.keeps = keeps
        if forward is not None:
            self.jvp = self._forward
        if transpose is not None:
            self.vjp = self._transpose

    def lower(self, backend: Backend) -> Callable[..., Any]:
        return backend.kernels.get(self.name, self.formula)

    def decompose(self, *args: Any, **params: Any) -> Any:
        if any(type(a) is Array for a in args):
            args = tuple(alike(args))
        return self.formula(*args, **params)

    def abstract(self, *args: Any, **params: Any) -> Any:
        shapes = [Array(shape_only(a), EVALUATION, None) if _is_array(a) else a for a in args]
        y = self.formula(*shapes, **params)
        return tuple(e._value for e in y) if type(y) is tuple else y._value

    def _forward(
        self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> Any:
        assert self.forward is not None
        return self.forward(tangents[0], y, *args, **params)

    def _transpose(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        assert self.transpose is not None
        return [self.transpose(ct, y, *args, **params), *[None] * (len(args) - 1)]

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[Sequence[Any], Any]:
        if "args" not in self.keeps:
            args = [shape_only(a) if _is_array(a) else a for a in args]
        if "y" not in self.keeps:
            y = shape_only(y)
        return args, y

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        full = [
            materialize(a, b, size) if _is_array(a) else a
            for a, b in zip(args, batched, strict=True)
        ]
        return self(*full, **params), True


def _is_array(x: Any) -> bool:
    return x is not None and type(x) not in SCALARS
