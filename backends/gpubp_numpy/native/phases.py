"""In which order a kernel walks over a row: its phases, and what they hand on to each other.

A reduction along the row that later steps use ends a phase: those steps belong to the next walk
over the same row. Of what an earlier walk computed, the next computes again what is cheap and
keeps the rest: in the output that it is written to anyway, or in a scratch row.
"""

from __future__ import annotations

from gpubp_numpy.native.code import Unsupported, bytes_of
from gpubp_numpy.native.operations import OPERATIONS
from gpubp_numpy.native.reductions import REDUCTIONS
from gpubp_numpy.native.values import Values

_CHEAP = 3  # simple instructions that cost less than a store and a load
_MOST_KEPT = 256 * 1024  # bytes of scratch rows, which lie on the stack


class Phases:
    """The walks over a row of one kernel.

    Attributes:
        count: how many there are.
        level: for each value, the phase that computes it first; of what does not vary along the
            row, the phase before which it is known.
        reductions: for each phase, the reductions that it feeds.
        stores: for each phase, the positions in ``kernel.outputs`` that it writes.
        kept: values handed on to later phases, and the output that holds them (None: a scratch
            row).
    """

    def __init__(self, values: Values, aliased: bool) -> None:
        """``aliased``: an output shares its memory with an input."""
        self.values = values
        _check(values)
        self.level: list[int] = []
        for v in range(len(values.dtypes)):
            inner = max((self.level[a] for a in values.args(v)), default=0)
            self.level.append(inner + values.of_row(v))
        fed = {v: self.level[v] - values.of_row(v) for v in values.live if values.reduction(v)}
        written = {
            place: self.level[v]
            for place, (v, _) in enumerate(values.kernel.outputs)
            if values.in_row(v) and not values.across_rows(v)
        }
        last = max([0, *fed.values(), *written.values()])
        if aliased:  # written late, since an input may still be read
            written = dict.fromkeys(written, last)
        self.count = last + 1
        phases = range(self.count)
        self.reductions = [[v for v, p in fed.items() if p == phase] for phase in phases]
        self.stores = [[place for place, p in written.items() if p == phase] for phase in phases]
        self.kept: dict[int, int | None] = {}
        for phase in reversed(phases):
            self._keep(phase)
        self._keep_in_outputs()
        if self._scratch() > _MOST_KEPT:
            self.kept = {}  # computed again, all of it

    def keeps(self, phase: int) -> list[int]:
        """The values that a phase hands on."""
        return [v for v in self.kept if self.level[v] == phase]

    def computed(self, phase: int) -> list[int]:
        """The values along the row that a phase loads or computes, operands first."""
        seen, waiting = set(), self._sinks(phase)
        while waiting:
            v = waiting.pop()
            if v not in seen and self.values.in_row(v):
                seen.add(v)
                if not (v in self.kept and self.level[v] < phase):
                    waiting += self.values.args(v)
        return sorted(seen)

    def _sinks(self, phase: int) -> list[int]:
        """What a phase is there for."""
        feeds = [a for v in self.reductions[phase] for a in self.values.args(v)]
        stores = [self.values.kernel.outputs[place][0] for place in self.stores[phase]]
        return feeds + stores + self.keeps(phase)

    def _keep(self, phase: int) -> None:
        """Note what a phase takes from earlier ones."""
        seen, waiting = set(), self._sinks(phase)
        while waiting:
            v = waiting.pop()
            if v in seen or not self.values.in_row(v):
                continue
            seen.add(v)
            earlier = self.level[v] < phase
            if earlier and (v in self.kept or self._weight(v) > _CHEAP):
                self.kept.setdefault(v, None)
            else:
                waiting += self.values.args(v)

    def _weight(self, value: int) -> int:
        """What it costs to compute a value again, from the inputs."""
        cone: set[int] = set()
        self.values.reach(value, cone)
        steps = [self.values.step(v) for v in cone if self.values.in_row(v)]
        return sum(OPERATIONS[s.op].weight for s in steps if s is not None and s.op in OPERATIONS)

    def _scratch(self) -> int:
        """Bytes of scratch rows."""
        row = self.values.kernel.shape[-1]
        dtypes = [self.values.dtypes[v] for v, place in self.kept.items() if place is None]
        return sum(row * bytes_of(dtype) for dtype in dtypes)

    def _keep_in_outputs(self) -> None:
        outputs = self.values.kernel.outputs
        for v in self.kept:
            for place in self.stores[self.level[v]]:
                value, operand = outputs[place]
                same = value == v and operand.dtype == self.values.dtypes[v]
                if same and operand.strides[-1] == 1:
                    self.kept[v] = place


def _check(values: Values) -> None:
    """Raise :class:`Unsupported` for what no walk can compute."""
    for v in values.live:
        step = values.step(v)
        known = REDUCTIONS if values.reduction(v) else OPERATIONS
        if step is not None and step.op != "index" and step.op not in known:
            raise Unsupported(f"the operation {step.op}")
        if any(values.across_rows(a) for a in values.args(v)):
            raise Unsupported("a step that uses a reduction over other axes than the row")
