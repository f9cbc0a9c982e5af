"""What is known of a kernel's values before any code is written."""

from __future__ import annotations

from gpubp.compiler.kernel import Kernel, Step


class Values:
    """The values of a kernel, inputs first, then the results of its steps.

    Attributes:
        dtypes: of each.
        varies: for each, whether it differs along each axis of the kernel.
        live: those that the outputs need, in order.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.dtypes = [*(o.dtype for o in kernel.inputs), *(s.dtype for s in kernel.steps)]
        self.varies = kernel.varies()
        self.last_axis = len(kernel.shape) - 1
        self._used = {a for s in kernel.steps for a in s.args if type(a) is int}
        needed: set[int] = set()
        for value, _ in kernel.outputs:
            self.reach(value, needed)
        self.live = sorted(needed)

    def step(self, value: int) -> Step | None:
        """The step that computes a value; None for an input."""
        place = value - len(self.kernel.inputs)
        return self.kernel.steps[place] if place >= 0 else None

    def args(self, value: int) -> list[int]:
        """The values that a value is computed from."""
        step = self.step(value)
        return [a for a in step.args if type(a) is int] if step else []

    def reduction(self, value: int) -> Step | None:
        """The step that computes a value, if that is a reduction."""
        step = self.step(value)
        return step if step is not None and step.over and step.op != "index" else None

    def in_row(self, value: int) -> bool:
        """Whether a value differs along the row."""
        return self.varies[value][-1]

    def across_rows(self, value: int) -> bool:
        """Whether a value is a reduction that is known only after the last row.

        So is one of a kernel's only axis, if no step uses it: its row may be walked in parts.
        """
        step = self.reduction(value)
        if step is None:
            return False
        if step.over != (self.last_axis,):
            return True
        return self.last_axis == 0 and value not in self._used

    def of_row(self, value: int) -> bool:
        """Whether a value is a reduction of each row, for the steps of that row."""
        return self.reduction(value) is not None and not self.across_rows(value)

    def reach(self, value: int, seen: set[int]) -> None:
        """Add a value and all that it is computed from."""
        waiting = [value]
        while waiting:
            v = waiting.pop()
            if v not in seen:
                seen.add(v)
                waiting += self.args(v)
