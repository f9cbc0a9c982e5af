"""What may go into a fused group, and how it walks its operands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gpubp.compiler.kernel import DTYPES, POINTWISE, REDUCTIONS
from gpubp.compiler.passes.axes import Axes, Axis, Loops, Untied, fresh
from gpubp.compiler.passes.constants import counts, number_of
from gpubp.compiler.passes.views import VIEWS, walk
from gpubp.compiler.program import Operation, Program, Value
from gpubp.core.shapes import Shape, shape_of, size_of
from gpubp.rules.creation import arange_p

Path = tuple[Operation, ...]  # of views


@dataclass(eq=False, slots=True)
class Read:
    """An operand: ``base`` as it lies in memory, or is made in the group, seen through views."""

    value: Value
    base: Value
    path: Path
    axes: Axes
    offset: int


@dataclass(eq=False, slots=True)
class Node:
    """An operation that may be fused.

    Attributes:
        reads: for each argument; ``None`` for a number, and for what the kernel does without.
        axes: of the result.
        over: loops that a reduction reduces.
        counted: the loop whose position the operation uses.
        literals: arguments that are arrays of one number, and the number.
    """

    operation: Operation
    reads: tuple[Read | None, ...]
    axes: Axes
    over: Axis = ()
    counted: Axis = ()
    literals: dict[int, Any] = field(default_factory=dict)

    @property
    def result(self) -> Value:
        """What it computes."""
        return self.operation.results[0]

    @property
    def walked(self) -> Axes:
        """Axes of what it computes: of a reduction, of what it reduces."""
        read = self.reads[0] if self.over else None
        return self.axes if read is None else read.axes

    def operands(self) -> list[Read]:
        """What it reads."""
        return [read for read in self.reads if read is not None]


def dtype_name(dtype: Any) -> str:
    """A dtype's name in the standard, the same for every library."""
    text = getattr(dtype, "__name__", None) or str(dtype)
    return text.rpartition(".")[2]


class Nodes:
    """Makes nodes of a program's operations, all in loops of their own."""

    def __init__(self, program: Program, loops: Loops) -> None:
        self.loops = loops
        self.constants = program.constants
        self.numbers: dict[Value, Any] = {}
        self.producers = {y: op for op in program.operations for y in op.results}

    def producer(self, value: Value) -> Operation | None:
        """The operation that makes a value."""
        return self.producers.get(value)

    def make(self, operation: Operation) -> Node | None:
        """The node of an operation; ``None`` if no kernel can do it."""
        make = _KINDS.get(operation.primitive.name)
        values = [*operation.operands(), *operation.results]
        if make is None or not all(map(_plain, values)):
            return None
        if any(type(a) not in (Value, bool, int, float) for a in operation.args):
            return None
        mark = self.loops.mark()
        try:
            return make(self, operation)
        except Untied:
            self.loops.undo(mark)
            return None

    def counter(self, value: Value) -> Node | None:
        """The node of a range, made of nothing; ``None`` if ``value`` is no range."""
        operation = self.producers.get(value)
        if operation is None and counts(value, self) is not None:
            params = {"start": 0, "stop": size_of(value.shape), "step": 1}
            operation = Operation(arange_p, (), params, (value,))
        if (
            operation is None
            or operation.primitive is not arange_p
            or size_of(value.shape) < 2
            or any(type(operation.params[name]) is not int for name in ("start", "step"))
        ):
            return None
        axes = fresh(value.shape)
        return Node(operation, (), axes, counted=next(axis for axis in axes if axis))

    def read(self, value: Any) -> Read | None:
        """An operand in loops of its own, from as deep below views as one can walk."""
        if type(value) is not Value:
            return None
        path = self.path(value)
        while True:
            base = path[0].args[0] if path else value
            try:
                axes, offset = walk(self.loops, fresh(base.shape), path)
                return Read(value, base, path, axes, offset)
            except Untied:
                path = path[1:]

    def path(self, value: Value) -> Path:
        """The views that lead to a value."""
        path: list[Operation] = []
        while True:
            made_by = self.producers.get(value)
            if made_by is None or made_by.primitive.name not in VIEWS:
                return tuple(reversed(path))
            path.append(made_by)
            value = made_by.args[0]

    def spread(self, read: Read | None, axes: Axes) -> None:
        """Tie the axes of an operand to those of the result that it broadcasts with."""
        if read is None:
            return
        for mine, its in zip(reversed(read.axes), reversed(axes), strict=False):
            if mine:
                self.loops.tie(mine, its)


def _plain(value: Value) -> bool:
    if value.number is not None:
        return value.number is not complex
    return dtype_name(value.dtype) in DTYPES and size_of(value.shape) > 0


def _pointwise(nodes: Nodes, operation: Operation) -> Node:
    axes = fresh(operation.results[0].shape)
    literals = _literals(nodes, operation)
    reads = [None if i in literals else nodes.read(a) for i, a in enumerate(operation.args)]
    if literals and not _covered(axes, reads):
        literals = {}  # the numbers' array is needed for its shape
        reads = list(map(nodes.read, operation.args))
    if not _covered(axes, reads):
        raise Untied
    for read in reads:
        nodes.spread(read, axes)
    return Node(operation, tuple(reads), axes, literals=literals)


def _covered(axes: Axes, reads: Iterable[Read | None]) -> bool:
    """Whether some operand differs along each axis: a kernel writes nothing several times."""
    differs = [not axis for axis in axes]
    for read in reads:
        for i, axis in enumerate(reversed(read.axes if read else ())):
            if axis and all(pace.stride for pace in axis):
                differs[-1 - i] = True
    return all(differs)


def _literals(nodes: Nodes, operation: Operation) -> dict[int, Any]:
    """Arguments that are one number everywhere, where a number computes in the same dtype."""
    arrays = {i: a for i, a in enumerate(operation.args) if type(a) is Value and a.number is None}
    if operation.primitive.name == "where":
        arrays.pop(0, None)
        several = True
    else:
        several = len(arrays) > 1
    dtypes = {dtype_name(a.dtype) for a in arrays.values()}
    if len(dtypes) != 1 or not several:
        return {}
    found = {i: n for i, a in arrays.items() if (n := number_of(a, nodes)) is not None}
    keep = operation.primitive.name == "where" or len(found) < len(arrays)
    return found if keep else {}


def _reduction(nodes: Nodes, operation: Operation) -> Node:
    read = nodes.read(operation.args[0])
    if read is None or not _covered(read.axes, [read]):
        raise Untied
    over, keepdims = operation.params["axis"], operation.params["keepdims"]
    kept = [
        () if a in over else axis for a, axis in enumerate(read.axes) if keepdims or a not in over
    ]
    reduced = tuple(s for a in sorted(over) for s in read.axes[a])
    return Node(operation, (read,), tuple(kept), reduced)


def _chosen(nodes: Nodes, shape: Shape, index: tuple[Any, ...]) -> tuple[int, dict[int, int]]:
    """Which axis of an array of this shape is indexed by labels, all others being walked in order.

    Also, by axis of the index arrays, which axis it walks; raises :class:`Untied` for other keys.
    """
    if len(index) != len(shape):
        raise Untied
    ndim = max(len(shape_of(i)) for i in index)
    labels, walked = [], {}
    for a, i in enumerate(index):
        along = counts(i, nodes) if type(i) is Value else None
        if along is None or size_of(i.shape) != shape[a]:
            labels.append(a)
        elif along >= 0:
            walked[along + ndim - len(i.shape)] = a
    if len(labels) != 1 or shape[labels[0]] == 1:
        raise Untied
    if len(walked) != sum(n > 1 for a, n in enumerate(shape) if a != labels[0]):
        raise Untied
    (label,) = labels
    if type(index[label]) is not Value or not dtype_name(index[label].dtype).startswith("int"):
        raise Untied
    lengths = (1,) * (ndim - len(index[label].shape)) + index[label].shape
    if any(n > 1 and i not in walked for i, n in enumerate(lengths)):
        raise Untied
    return label, walked


def _gather(nodes: Nodes, operation: Operation) -> Node:
    """``x[i, l_i] = sum_j (j == l_i ? x_ij : 0)``, and NaN where ``l_i`` is out of range."""
    x, *index = operation.args
    if not dtype_name(x.dtype).startswith("float"):
        raise Untied
    label, walked = _chosen(nodes, x.shape, tuple(index))
    read, labels = nodes.read(x), nodes.read(index[label])
    if read is None or not _covered(read.axes, [read]):
        raise Untied
    ndim = len(operation.results[0].shape)
    axes = tuple(read.axes[walked[i]] if i in walked else () for i in range(ndim))
    nodes.spread(labels, axes)
    reads = (read, *[labels if a == label else None for a in range(len(index))])
    return Node(operation, reads, axes, read.axes[label], read.axes[label])


def _index_add(nodes: Nodes, operation: Operation) -> Node:
    """Zeros with ``v_i`` added at ``(i, l_i)``: ``j == l_i ? v_i : 0``."""
    x, v, *index = operation.args
    if number_of(x, nodes) != 0 or type(v) is not Value:
        raise Untied
    label, walked = _chosen(nodes, x.shape, tuple(index))
    axes = fresh(x.shape)
    ndim = max(len(shape_of(i)) for i in index)
    rows = tuple(axes[walked[i]] if i in walked else () for i in range(ndim))
    labels = nodes.read(index[label])
    fill = number_of(v, nodes)
    literals = {} if fill is None else {1: fill}
    added = nodes.read(v) if fill is None else None
    if not _covered(rows, [labels, added]):
        raise Untied
    nodes.spread(labels, rows)
    nodes.spread(added, rows)
    reads = (None, added, *[labels if a == label else None for a in range(len(index))])
    return Node(operation, reads, axes, counted=axes[label], literals=literals)


_KINDS: dict[str, Callable[[Nodes, Operation], Node]] = {
    **dict.fromkeys((*POINTWISE, "astype_discrete", "number_as_array"), _pointwise),
    **dict.fromkeys(REDUCTIONS, _reduction),
    "gather": _gather,
    "index_add": _index_add,
}
