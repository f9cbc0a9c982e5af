"""The straight-line Python of a program, and the buffers that it is bound to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpubp.compiler.kernel import Kernel, Operand
from gpubp.compiler.memory import ALIGNMENT, MemoryPlan, Place, kernel_of
from gpubp.compiler.program import Operation, Program, Value
from gpubp.compiler.repeat import OtherKind
from gpubp.compiler.views import Layout
from gpubp.core.backend import get_backend
from gpubp.core.primitive import Primitive
from gpubp.core.shapes import size_of
from gpubp_numpy.compiled.arguments import nothing, taker
from gpubp_numpy.compiled.forms import Form, form
from gpubp_numpy.compiled.sharing import share, threads
from gpubp_numpy.compiled.tiles import Tile, Tiling, positions, starts, tiling

Run = Callable[[Sequence[Any]], list[Any]]


class Source:
    """Lines of code, and the objects that they name.

    Args:
        program: what is to be written.
        plan: where its values lie.
        arena: memory for what does not outlive a call.
    """

    def __init__(self, program: Program, plan: MemoryPlan, arena: np.ndarray) -> None:
        self.program = program
        self.plan = plan
        self.arena = arena
        self.names: dict[str, Any] = {
            "add": np.add,
            "array": np.array,
            "empty": np.empty,
            "matmul": np.matmul,
            "multiply": np.multiply,
            "ndarray": np.ndarray,
            "own": own,
        }
        self.known: dict[int, str] = {}  # names of objects, by identity
        self.lines: list[str] = []
        self.constants = [np.asarray(x, order="C") for x in program.constants.values()]
        self.expressions: dict[Value, str] = {}
        self.calls: dict[Value, int] = {}
        self.spaces: dict[tuple[str, Any, Layout], str] = {}
        self.numbers = {f"i{n}" for n, x in enumerate(program.inputs) if x.number}
        self.donated = {p.number for p in plan.places.values() if p.kind == "donated"}
        self.operations()
        self.results()

    def bind(self) -> Run:
        """The function of the program's inputs."""
        exec(compile(self.text(), "<compiled by gpubp>", "exec"), self.names)
        return self.names["run"]

    def text(self) -> str:
        """The function ``run(inputs)``."""
        given = "".join(f"i{n}, " for n in range(len(self.program.inputs)))
        head = [f"{given} = inputs"] if given else []
        for n, x in enumerate(self.program.inputs):
            if x.number:
                self.names.update(OtherKind=OtherKind)
                head.append(f"if type(i{n}) is not {self.bound(x.number)}: raise OtherKind")
            else:
                self.names[f"take{n}"] = taker(n, x, self.donated)
                head.append(f"if i{n} is not r{n}(): {self.taken(n)} = take{n}(inputs)")
        lines = [*head, *self.buffers(), *self.lines]
        kept = [name for name in self.kept() if name not in self.names]
        self.names.update(dict.fromkeys(kept, nothing))
        first = [f"global {', '.join(kept)}"] if kept else []
        return "def run(inputs):\n" + "".join(f"    {line}\n" for line in [*first, *lines])

    def kept(self) -> list[str]:
        """Names of what one call leaves for the next."""
        return [f"r{n}" for n, x in enumerate(self.program.inputs) if not x.number]

    def taken(self, number: int) -> str:
        """Where an argument, what recognises it, and its address go."""
        return f"i{number}, r{number}, _"

    def outputs(self) -> dict[int, Value]:
        """By number of a result, the value that a new array holds at the end."""
        places = self.plan.places.items()
        return {place.number: v for v, place in places if place.kind == "output"}

    def buffers(self) -> list[str]:
        """The new arrays of a call."""
        return [self.new(f"o{n}", v) for n, v in self.outputs().items()]

    def new(self, name: str, value: Value) -> str:
        """The line that makes an array like ``value``."""
        return f"{name} = empty({tuple(value.shape)!r}, {self.bound(value.dtype)})"

    def bound(self, x: Any) -> str:
        """A name for an object."""
        name = self.known.get(id(x))
        if name is None:
            name = f"{getattr(x, '__name__', type(x).__name__)}_{len(self.names)}"
            name = "".join(c if c.isalnum() else "_" for c in name)
            self.known[id(x)] = name
            self.names[name] = x
        return name

    # Values

    def expression(self, value: Value) -> str:
        """What stands for ``value`` in the code; lines that make it a view come before."""
        found = self.expressions.get(value)
        if found is None:
            found = self.expressions[value] = self._expression(value)
        return found

    def _expression(self, value: Value) -> str:
        base, layout = self.plan.layouts[value]
        place = self.plan.places[base]
        if value.number and place.kind == "input":
            return f"i{place.number}"
        if place.kind in ("arena", "constant"):
            return self.bound(strided(self.static(place), value.dtype, layout))
        name = self.buffer_name(base)
        if layout == Layout.contiguous(self.shape_of_buffer(base)):
            return name
        return self.view(name, value, base, layout)

    def buffer_name(self, base: Value) -> str:
        """The local variable that holds the array of a buffer."""
        place = self.plan.places[base]
        if place.kind == "call":
            return f"c{self.calls.setdefault(base, len(self.calls))}"
        return f"{'o' if place.kind == 'output' else 'i'}{place.number}"

    def shape_of_buffer(self, base: Value) -> tuple[int, ...]:
        place = self.plan.places[base]
        if place.kind == "donated":
            return tuple(self.program.inputs[place.number].shape)
        if place.kind == "output":
            return tuple(self.outputs()[place.number].shape)
        return tuple(base.shape)

    def view(self, buffer: str, value: Value, base: Value, layout: Layout) -> str:
        name = f"v{len(self.expressions)}"
        shape = tuple(value.shape)
        if layout.is_contiguous() and size_of(shape) == size_of(base.shape):
            line = f"{name} = {buffer}.reshape({shape!r})"
        else:
            line = self.constructed(name, buffer, value.dtype, layout)
        self.lines.append(line)
        return name

    def operand(self, a: Any, operation: Operation) -> str:
        """An argument of an operation."""
        if type(a) is Value:
            return self.expression(a)
        return self.bound(self.literal(a, operation))

    def literal(self, a: Any, operation: Operation) -> Any:
        """A number as an array of shape (), which ufuncs take in a third of the time."""
        arrays = [x.dtype for x in operation.operands() if not x.number]
        if type(a) in (int, float) and arrays:
            dtype = np.result_type(*arrays, a)
            if dtype.kind in "fc":
                return np.asarray(a, dtype)
        return a

    # Operations

    def operations(self) -> None:
        for position, operation in enumerate(self.program.operations):
            if self.plan.is_view(operation):
                continue
            self.operation(operation)
            for value in self.plan.ends.get(position, ()):
                self.forget(value)

    def operation(self, operation: Operation) -> None:
        """The lines of one operation."""
        kernel = kernel_of(operation)
        if self.plan.place(operation.results[0]).kind == "call":
            self.call(operation)
        elif kernel is not None:
            self.fused(operation, kernel)
        else:
            found = form(operation)
            assert found is not None
            self.write(operation, found)

    def write(self, operation: Operation, found: Form) -> None:
        operands = [self.operand(a, operation) for a in operation.args]
        out = self.expression(operation.results[0])
        f = "" if found.f is None else self.bound(found.f)
        work = ""
        if found.work is not None:
            place = self.plan.workspace.get(operation)  # None for what has no elements
            shape, dtype = found.work
            buffer = self.arena[place.number : place.number + place.nbytes] if place else self.arena
            work = self.bound(strided(buffer, dtype, Layout.contiguous(shape)))
        self.lines.append(found.code.format(*operands, out=out, f=f, work=work))

    def fused(self, operation: Operation, kernel: Kernel) -> None:
        """A kernel, in tiles if it is large."""
        found = tiling(kernel)
        reads = zip(operation.args, kernel.inputs, strict=True)
        written = zip(operation.results, kernel.outputs, strict=True)
        operands = {f"i{n}": self.in_space(a, x, kernel.shape) for n, (a, x) in enumerate(reads)}
        results = {
            f"o{n}": self.in_space(y, x, kernel.shape) for n, (y, (_, x)) in enumerate(written)
        }
        places = {f"p{n}": self.bound(x) for n, x in positions(kernel).items()}
        for number, start in starts(found).items():
            self.lines.append(f"{results[f'o{number}']}.fill({self.bound(start)})")
        names = {**operands, **results, **places}
        if found.whole:
            names |= self.work(operation, found, found.full)
            self.lines += self.tile(operation, found.full, names)
            return
        varies = kernel.varies()
        along = {f"i{n}": varies[n] for n in range(len(kernel.inputs))}
        along |= {f"o{n}": varies[value] for n, (value, _) in enumerate(kernel.outputs)}
        along |= {
            f"p{n}": tuple(i == n for i in range(len(kernel.shape))) for n in positions(kernel)
        }
        for tile, last in ((found.full, False), (found.rest, True)):
            if tile is not None:
                self.loop(operation, found, tile, names, along, last)

    def loop(
        self,
        operation: Operation,
        found: Tiling,
        tile: Tile,
        names: dict[str, str],
        along: dict[str, tuple[bool, ...]],
        last: bool,
    ) -> None:
        """The lines of a tile for each of its places."""
        looped = {
            name: varies[: found.axis + 1]
            for name, varies in along.items()
            if any(varies[: found.axis + 1]) and names[name] not in self.numbers
        }
        kinds = list(dict.fromkeys(looped.values()))
        boxes = zip(*(found.indices(kind, last) for kind in kinds), strict=True)
        index = {kind: f"x{n}" for n, kind in enumerate(kinds)}
        inner = dict(names)
        lines = []
        for name, kind in looped.items():
            inner[name] = f"{name}_"
            lines.append(f"{name}_ = {names[name]}[{index[kind]}]")
        walk = f"for {', '.join(index.values())}, in"
        bound = self.bound(list(boxes))
        if last or threads(found) == 1:
            lines += self.tile(operation, tile, {**inner, **self.work(operation, found, tile)})
            self.lines += [f"{walk} {bound}:", *(f"    {line}" for line in lines)]
            self.lines.append(" = ".join(inner[name] for name in looped) + " = None")
            return
        buffers = {f"b{n}": f"b{n}" for n in range(len(tile.buffers))}
        lines += self.tile(operation, tile, {**inner, **buffers})
        given = [name for name in dict.fromkeys(names.values()) if name not in self.names]
        parameters = ", ".join(["boxes", *given, *buffers])
        mine, theirs = (
            "".join(f"{x}, " for x in (*given, *self.work(operation, found, tile, n).values()))
            for n in range(2)
        )
        part = f"tiles{len(self.lines)}"
        self.lines += [
            f"def {part}({parameters}):",
            f"    {walk} boxes:",
            *(f"        {line}" for line in lines),
            f"{self.bound(share)}({part}, {bound}, ({mine}), ({theirs}))",
        ]

    def tile(self, operation: Operation, tile: Tile, names: dict[str, str]) -> list[str]:
        """The lines of a tile in terms of these names."""
        objects = {f"k{n}": self.bound(x) for n, x in enumerate(tile.objects)}
        return [line.format(**names, **objects) for line in tile.lines]

    def work(
        self, operation: Operation, found: Tiling, tile: Tile, thread: int = 0
    ) -> dict[str, str]:
        """The buffers of a tile, for one of the threads that take tiles."""
        if not tile.buffers:
            return {}
        start = self.plan.workspace[operation].number + thread * found.work_bytes
        return {
            f"b{n}": self.bound(
                strided(self.arena[start + b.offset :], b.dtype, Layout.contiguous(b.shape))
            )
            for n, b in enumerate(tile.buffers)
        }

    def in_space(self, value: Value, operand: Operand, space: tuple[int, ...]) -> str:
        """An operand of a kernel with the axes of its space, of length 1 where it stays."""
        if value.number:
            return self.expression(value)
        shape = tuple(n if s else 1 for n, s in zip(space, operand.strides, strict=True))
        wanted = Layout(shape, operand.strides, operand.offset)
        base, layout = self.plan.layouts[value]
        place = self.plan.places[base]
        if place.kind in ("arena", "constant"):
            wanted = Layout(shape, operand.strides, operand.offset + layout.offset)
            return self.bound(strided(self.static(place), value.dtype, wanted))
        expression = self.expression(value)
        key = expression, value.dtype, wanted
        if key not in self.spaces:
            self.spaces[key] = self.reshaped(expression, value, wanted)
        return self.spaces[key]

    def reshaped(self, expression: str, value: Value, wanted: Layout) -> str:
        """A contiguous array seen otherwise."""
        if wanted.shape == tuple(value.shape) and wanted.is_contiguous():
            return expression
        name = f"s{len(self.spaces)}"
        if wanted.is_contiguous() and size_of(wanted.shape) == size_of(value.shape):
            self.lines.append(f"{name} = {expression}.reshape({wanted.shape!r})")
        else:
            self.lines.append(self.constructed(name, expression, value.dtype, wanted))
        return name

    def constructed(self, name: str, buffer: str, dtype: Any, layout: Layout) -> str:
        """The line that makes a view of any layout."""
        size = dtype.itemsize
        strides = tuple(s * size for s in layout.strides)
        return (
            f"{name} = ndarray({layout.shape!r}, {self.bound(dtype)}, {buffer}, "
            f"{layout.offset * size}, {strides!r})"
        )

    def static(self, place: Place) -> np.ndarray:
        """The bytes of a buffer that stays where it is."""
        if place.kind == "arena":
            return self.arena[place.number : place.number + place.nbytes]
        return self.constants[place.number].reshape(-1).view(np.uint8)

    def call(self, operation: Operation) -> None:
        """As in eager code; a result that may share memory with an operand is copied."""
        function = self.bound(implementation(operation))
        operands = [
            self.expression(a) if type(a) is Value else self.bound(a) for a in operation.args
        ]
        params = [f"{name}={self.bound(x)}" for name, x in operation.params.items()]
        names = [self.expression(y) for y in operation.results]
        left = ", ".join(names) if len(names) == 1 else f"({', '.join(names)})"
        self.lines.append(f"{left} = {function}({', '.join([*operands, *params])})")
        for y, name in zip(operation.results, names, strict=True):
            if not y.number:
                given = "".join(f"{a}, " for a in operands)
                self.lines.append(f"{name} = own({name}, ({given}))")

    def forget(self, value: Value) -> None:
        """Drop the names of a value that a call made, and of its views."""
        views = self.expressions.items()
        names = {n for v, n in views if self.plan.layouts[v][0] is value and n[0] in "cv"}
        names |= {space for (name, *_), space in self.spaces.items() if name in names}
        self.lines += [f"{name} = None" for name in sorted(names)]

    def results(self) -> None:
        parts = []
        for number, y in enumerate(self.program.outputs):
            if type(y) is not Value:
                parts.append(self.bound(y))
            elif number in self.plan.copied:
                parts.append(f"array({self.expression(y)}, order='C')")
            else:
                parts.append(self.expression(y))
        self.lines.append(f"return [{', '.join(parts)}]")


def implementation(operation: Operation) -> Callable[..., Any]:
    """What eager code runs for an operation on NumPy's arrays."""
    primitive = operation.primitive
    if type(primitive).__call__ is not Primitive.__call__:
        return primitive
    return primitive.lower(get_backend("numpy"))


def own(x: Any, operands: tuple[Any, ...]) -> np.ndarray:
    """``x`` as a contiguous array of its own; a plain call may return a view of its operand."""
    owned = type(x) is np.ndarray and x.base is None and x.flags.c_contiguous
    return x if owned and not any(x is a for a in operands) else np.array(x, order="C")


def aligned(nbytes: int) -> np.ndarray:
    """That many bytes from the start of a cache line on."""
    memory = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + nbytes]


def strided(buffer: np.ndarray, dtype: Any, layout: Layout) -> np.ndarray:
    """The array of this layout in a buffer of bytes."""
    size = dtype.itemsize
    strides = tuple(s * size for s in layout.strides)
    return np.ndarray(layout.shape, dtype, buffer, layout.offset * size, strides)
