"""The memory plan: where each value of a program lies, decided before anything is allocated.

Values that die inside the program share one *arena*; a value may take the bytes of an operand that
dies with the operation that makes it. Results of the program never lie in the arena: they get
arrays of their own, or the buffer of a donated input. Views have no buffer at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from gpubp.compiler.kernel import Kernel
from gpubp.compiler.product import product
from gpubp.compiler.program import Operation, Program, Value
from gpubp.compiler.views import VIEWS, Layout
from gpubp.core.shapes import size_of
from gpubp.rules.families import Elementwise

ALIGNMENT = 64  # bytes: of a cache line, and of the widest vector registers

# These look at their operands again when their result is known.
_READS_AGAIN = frozenset(("divide_no_nan", "multiply_no_nan", "where"))


class Place(NamedTuple):
    """A buffer.

    ``input`` and ``donated``: that of input ``number``. ``constant``. ``output``: a new array for
    result ``number``. ``arena``: from byte ``number`` on. ``call``: what operation ``number``
    allocates by itself.
    """

    kind: Literal["input", "donated", "constant", "output", "arena", "call"]
    number: int
    nbytes: int


@dataclass(slots=True)
class MemoryPlan:
    """Where the values of a program lie.

    Attributes:
        layouts: of each value, the value whose buffer it is in, and where in it.
        places: buffers of the values that others are views of, or that nobody views.
        copied: numbers of the results that must be copied out at the end into new arrays.
        workspace: place in the arena of what an operation needs beside its results.
        ends: by position of an operation, values of the kind ``call`` that nothing later needs.
        arena_bytes: length of the arena.
        peak_bytes: allocated beyond the arguments at the worst moment of a call.
    """

    layouts: dict[Value, tuple[Value, Layout]] = field(default_factory=dict)
    places: dict[Value, Place] = field(default_factory=dict)
    copied: set[int] = field(default_factory=set)
    workspace: dict[Operation, Place] = field(default_factory=dict)
    ends: dict[int, list[Value]] = field(default_factory=dict)
    arena_bytes: int = 0
    peak_bytes: int = 0

    def place(self, value: Value) -> Place:
        """The buffer that ``value`` is in, or that it is a view of."""
        return self.places[self.layouts[value][0]]

    def is_view(self, operation: Operation) -> bool:
        """Whether nothing is computed: the result is a view of the operand."""
        return bool(operation.results) and operation.results[0] not in self.places


def nbytes(value: Value) -> int:
    """Bytes of an array; a Python number has none."""
    return 0 if value.number else size_of(value.shape) * itemsize(value)


def alike(x: Value, y: Value) -> bool:
    """Whether two arrays have one shape and dtype."""
    return not x.number and tuple(x.shape) == tuple(y.shape) and x.dtype == y.dtype


def itemsize(value: Value) -> int:
    """Bytes of an element, whatever the library's dtypes are."""
    dtype = value.namespace.backend.dtype(value.dtype)
    found = getattr(dtype, "itemsize", None)
    if found is not None:
        return found
    bits = "".join(c for c in str(dtype).rpartition(".")[2] if c.isdigit())
    return int(bits) // 8 if bits else 1  # a boolean


def kernel_of(operation: Operation) -> Kernel | None:
    """The kernel of a fused group."""
    return getattr(operation.primitive, "kernel", None)


def assign(
    program: Program,
    donated: Collection[int] = (),
    writes: Callable[[Operation], bool] = lambda operation: False,
    workspace: Callable[[Operation], int] = lambda operation: 0,
) -> MemoryPlan:
    """Decide where the values of ``program`` lie.

    Args:
        program: in the order in which it will run.
        donated: numbers of the inputs whose buffers may be overwritten.
        writes: whether the backend computes an operation into buffers that it is given; the
            results of others are new arrays.
        workspace: bytes that an operation needs while it runs.
    """
    return _Assignment(program, frozenset(donated), writes, workspace).plan


class _Group:
    """Values that share one buffer, one after the other; ``made`` are the positions of each."""

    __slots__ = ("end", "made", "nbytes", "values")

    def __init__(self, values: list[Value], made: list[int], end: int) -> None:
        self.values = values
        self.made = made
        self.end = end
        self.nbytes = nbytes(values[0])

    def split(self, k: int) -> _Group:
        """Cut the values from number ``k`` on off, into a group of their own."""
        rest = _Group(self.values[k:], self.made[k:], self.end)
        del self.values[k:]
        self.end = self.made[k]
        del self.made[k:]
        return rest


class _Assignment:
    def __init__(
        self,
        program: Program,
        donated: frozenset[int],
        writes: Callable[[Operation], bool],
        workspace: Callable[[Operation], int],
    ) -> None:
        self.program = program
        self.plan = MemoryPlan()
        self.computed: list[tuple[int, Operation]] = []  # all but the views
        self.called: set[Operation] = set()
        self.last: dict[Value, int] = {}
        self.lay_out(writes)
        self.find_last_uses()
        owners = self.find_owners()
        groups = self.share_in_place()
        self.place_outputs(groups, owners, donated)
        self.pack(groups, workspace)
        self.count(owners)

    # What is a view of what

    def lay_out(self, writes: Callable[[Operation], bool]) -> None:
        program, plan = self.program, self.plan
        for number, value in enumerate(program.inputs):
            self.root(value, Place("input", number, nbytes(value)))
        for number, value in enumerate(program.constants):
            self.root(value, Place("constant", number, nbytes(value)))
        fused = {a for op in program.operations if kernel_of(op) for a in op.operands()}
        for position, operation in enumerate(program.operations):
            view = self.view(operation)
            result = operation.results[0]
            # A kernel knows its operands' strides as if they were contiguous.
            if view is not None and (result not in fused or view[1].is_contiguous()):
                plan.layouts[result] = view
                continue
            self.computed.append((position, operation))
            if not writes(operation):
                self.called.add(operation)
            for y in operation.results:
                self.root(y, Place("call", position, nbytes(y)))

    def root(self, value: Value, place: Place) -> None:
        self.plan.layouts[value] = value, Layout.contiguous(tuple(value.shape))
        self.plan.places[value] = place

    def view(self, operation: Operation) -> tuple[Value, Layout] | None:
        rule = VIEWS.get(operation.primitive.name)
        if rule is None or type(operation.args[0]) is not Value or operation.args[0].number:
            return None
        base, layout = self.plan.layouts[operation.args[0]]
        found = rule(layout, **operation.params)
        return None if found is None else (base, found)

    def find_last_uses(self) -> None:
        layouts = self.plan.layouts
        for position, operation in self.computed:
            for y in operation.results:
                self.last[y] = position
            for a in operation.operands():
                self.last[layouts[a][0]] = position
        for y in self.program.outputs:
            if type(y) is Value:
                self.last[layouts[y][0]] = len(self.program.operations)

    # Who gets which buffer

    def find_owners(self) -> dict[Value, int]:
        """Values that are stored right in a result; the results that own nothing are copies."""
        owners: dict[Value, int] = {}
        for number, y in enumerate(self.program.outputs):
            if type(y) is not Value:
                continue
            base, layout = self.plan.layouts[y]
            kind = self.plan.places[base].kind
            if kind == "input":
                continue  # handed back as it came, or as a view of it
            if kind == "call" and base not in owners and layout.fills(size_of(base.shape)):
                owners[base] = number
            else:
                self.plan.copied.add(number)
        return owners

    def share_in_place(self) -> list[_Group]:
        groups: dict[Value, _Group] = {}  # by the value that holds the buffer at the moment
        found = []
        for position, operation in self.computed:
            if operation in self.called:
                continue
            for y in operation.results:
                for x in self.dying(operation, position):
                    if x in groups and self.replaces(operation, x, y):
                        group = groups.pop(x)
                        group.values.append(y)
                        group.made.append(position)
                        group.end = self.last[y]
                        break
                else:
                    group = _Group([y], [position], self.last[y])
                    found.append(group)
                groups[y] = group
        return found

    def dying(self, operation: Operation, position: int) -> list[Value]:
        bases = dict.fromkeys(self.plan.layouts[a][0] for a in operation.operands())
        return [base for base in bases if self.last[base] == position]

    def replaces(self, operation: Operation, x: Value, y: Value) -> bool:
        """Whether ``y`` may be written over ``x``, element by element."""
        if nbytes(x) != nbytes(y) or x.dtype != y.dtype:
            return False
        kernel = kernel_of(operation)
        if kernel is not None:
            return self.kernel_replaces(kernel, operation, x, y)
        if operation.primitive is product:  # y = a b + c over c
            read = [self.plan.layouts[a] for a in operation.operands()]
            whole = Layout.contiguous(tuple(y.shape))
            return read[2:] == [(x, whole)] and all(base is not x for base, _ in read[:2])
        if not isinstance(operation.primitive, Elementwise):
            return False
        if operation.primitive.name in _READS_AGAIN:
            return False
        return all(self.reads_in_order(a, y) for a in self.parts(operation, x))

    def kernel_replaces(self, kernel: Kernel, operation: Operation, x: Value, y: Value) -> bool:
        """As every backend runs kernels: no step may read ``x`` after the one that makes ``y``."""
        made, target = kernel.outputs[operation.results.index(y)]
        step = made - len(kernel.inputs)
        # A reduction may be written before all that it does not vary with has been read.
        if step < 0 or kernel.steps[step].op in _READS_AGAIN or kernel.steps[step].over:
            return False
        parts = set(self.parts(operation, x))
        for number, a in enumerate(operation.args):
            if type(a) is not Value or a not in parts:
                continue
            read = kernel.inputs[number]
            same = (read.strides, read.offset) == (target.strides, target.offset)
            offset = self.plan.layouts[a][1].offset
            later = any(number in s.args for s in kernel.steps[step + 1 :])
            written = any(number == out for out, _ in kernel.outputs)
            if not same or offset or later or written:
                return False
        return True

    def parts(self, operation: Operation, x: Value) -> list[Value]:
        return [a for a in operation.operands() if self.plan.layouts[a][0] is x]

    def reads_in_order(self, a: Value, y: Value) -> bool:
        layout = self.plan.layouts[a][1]
        return layout == Layout.contiguous(tuple(y.shape))

    def place_outputs(
        self, groups: list[_Group], owners: dict[Value, int], donated: frozenset[int]
    ) -> None:
        free = {self.program.inputs[number]: number for number in sorted(donated)}
        # What is written first has the fewest inputs to take: the others are still read.
        for group in sorted(groups, key=self.written):
            number = owners.get(group.values[-1])
            if number is None:
                continue
            place = Place("output", number, group.nbytes)
            found = self.donor(group, free, self.program.outputs[number])
            if found is not None:
                k, x = found
                place = Place("donated", free.pop(x), group.nbytes)
                if k:
                    group = group.split(k)
            self.plan.places.update(dict.fromkeys(group.values, place))

    def written(self, group: _Group) -> tuple[int, int]:
        """When the last value of a group is: position of its operation, and step of the kernel."""
        position = group.made[-1]
        operation = self.program.operations[position]
        kernel = kernel_of(operation)
        if kernel is None:
            return position, 0
        return position, kernel.outputs[operation.results.index(group.values[-1])][0]

    def donor(
        self, group: _Group, free: dict[Value, int], result: Value
    ) -> tuple[int, Value] | None:
        """An input whose buffer may be written to from number ``k`` of the group's values on."""
        if self.plan.layouts[result][1].is_contiguous():
            for k, position in enumerate(group.made):
                for x in free:
                    if alike(x, result) and self.may_take(x, group.values[k], position):
                        return k, x
        return None

    def may_take(self, x: Value, y: Value, position: int) -> bool:
        last = self.last.get(x, -1)
        if last == position:
            return self.replaces(self.program.operations[position], x, y)
        return last < position

    def pack(self, groups: list[_Group], workspace: Callable[[Operation], int]) -> None:
        """The largest first, each at the lowest bytes that are free while it lives."""
        plan = self.plan
        wanted: list[tuple[int, int, int, Any]] = [
            (-group.nbytes, group.made[0], group.end, group)
            for group in groups
            if plan.places[group.values[0]].kind == "call"
        ]
        for position, operation in self.computed:
            needed = 0 if operation in self.called else workspace(operation)
            if needed:
                wanted.append((-needed, position, position, operation))
        packed: list[tuple[int, int, int, int]] = []  # offset, stop, start of life, end
        for negative, start, end, owner in sorted(wanted, key=lambda item: item[:2]):
            offset = 0
            for low, high, born, died in sorted(packed):
                if born <= end and start <= died:
                    if low >= offset - negative:
                        break
                    offset = max(offset, high)
            stop = offset - negative
            stop += -stop % ALIGNMENT
            packed.append((offset, stop, start, end))
            plan.arena_bytes = max(plan.arena_bytes, stop)
            place = Place("arena", offset, -negative)
            if isinstance(owner, _Group):
                plan.places.update(dict.fromkeys(owner.values, place))
            else:
                plan.workspace[owner] = place

    def count(self, owners: dict[Value, int]) -> None:
        plan = self.plan
        outputs = self.program.outputs
        kept = sum(nbytes(outputs[number]) for number in plan.copied)
        kept += sum(nbytes(base) for base in owners if plan.places[base].kind == "output")
        live = most = 0
        for position, operation in self.computed:
            if operation in self.called:
                live += sum(map(nbytes, operation.results))
                most = max(most, live)
            bases = dict.fromkeys(plan.layouts[a][0] for a in operation.operands())
            for base in (*bases, *operation.results):
                if plan.places[base].kind == "call" and self.last[base] == position:
                    plan.ends.setdefault(position, []).append(base)
                    live -= nbytes(base)
        plan.peak_bytes = plan.arena_bytes + kept + most
