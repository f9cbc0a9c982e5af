"""One call of a primitive in which a parameter meets examples, once d_z is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gpubp.rules.families import materialize


class Meeting(NamedTuple):
    """The call, below the batch's trace.

    Attributes:
        name: of the primitive.
        params: its parameters.
        dz: the cotangent of its result, with the batch as axis 0.
        args: its arguments.
        batched: which of them have the batch as axis 0.
        size: number of examples.
    """

    name: str
    params: dict[str, Any]
    dz: Any
    args: Sequence[Any]
    batched: Sequence[bool]
    size: int

    def operand(self, which: int) -> Any:
        """An argument for each example: a'."""
        return materialize(self.args[which], self.batched[which], self.size)

    def shape(self, which: int) -> tuple[int, ...]:
        """Shape of an argument that has no batch: the parameter's."""
        return tuple(self.args[which].shape)
