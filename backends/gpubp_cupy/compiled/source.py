"""Kernels as CUDA source.

A row's elements are shared out among ``width`` neighbouring threads. Values that a row reduction
needs are computed in one loop over the columns, what depends on its result in another that starts
again from the inputs, which are still in the cache: memory is read once.

A reduction over the other axes adds up in registers, each thread the columns that it owns. The
partial results go to a workspace, and the last block to finish joins them in a fixed order: one
launch, and the same bits every time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step
from gpubp_cupy.compiled.operations import REDUCTIONS, TYPES, expression, literal

_THREADS = 256
_MOST_THREADS = 1024
_MOST_OWNED = 16  # columns whose sums one thread keeps in registers
_MOST_BLOCKS = 1024
_PARTS = 64  # partial results of a column that the last block joins


@dataclass(frozen=True)
class Source:
    """One kernel, ready to compile.

    Attributes:
        code: the function ``kernel`` of the inputs' and outputs' addresses, a workspace and
            counters that are zero before the first launch, and zero again after each.
        grid, block: how to launch it.
        workspace: bytes.
        counters: how many.
    """

    code: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    workspace: int
    counters: int


class Unsupported(Exception):
    """This kernel cannot be one launch; its operations run one by one."""


def generate(kernel: Kernel) -> Source:
    """CUDA source for ``kernel``.

    Raises:
        Unsupported: for spaces without elements, and reductions that keep one of several outer
            axes.
    """
    return _Generator(kernel).source()


@dataclass
class _Reduction:
    """A reduction over axes other than the row: an output, for the whole grid to compute."""

    number: int
    step: Step
    columns: bool  # one result per column, rather than one in all
    once: list[int] = field(default_factory=list)  # axes along which an element counts once


class _Generator:
    def __init__(self, kernel: Kernel) -> None:
        if 0 in kernel.shape or not kernel.shape:
            raise Unsupported("a space without elements or axes")
        self.kernel = kernel
        self.last = len(kernel.shape) - 1
        self.columns = kernel.shape[-1]
        self.rows = math.prod(kernel.shape[:-1])
        self.varies = kernel.varies()
        self.first_step = len(kernel.inputs)
        self.dtypes = [o.dtype for o in kernel.inputs] + [s.dtype for s in kernel.steps]
        reach = [
            abs(o.offset) + sum(abs(s) * n for s, n in zip(o.strides, kernel.shape, strict=True))
            for o in (*kernel.inputs, *(o for _, o in kernel.outputs))
        ]
        large = max([math.prod(kernel.shape), *reach]) >= 2**31 - _MOST_BLOCKS * _MOST_THREADS
        self.index = "long long" if large else "int"
        self._classify()
        self._lay_out()

    # What each reduction is

    def _classify(self) -> None:
        used = {a for step in self.kernel.steps for a in step.args if type(a) is int}
        self.row_reductions: list[int] = []
        self.reductions: list[_Reduction] = []
        for number, step in enumerate(self.kernel.steps, self.first_step):
            if step.op not in REDUCTIONS:
                continue
            alone = len(self.kernel.shape) == 1 and number not in used  # one row is the whole space
            if step.over == (self.last,) and not alone:
                self.row_reductions.append(number)
                continue
            (operand,) = step.args
            varies = self.varies[operand] if type(operand) is int else (False,) * (self.last + 1)
            kept = [i for i, v in enumerate(self.varies[number]) if v]
            if kept not in ([], [self.last]):
                raise Unsupported("a reduction that keeps an outer axis")
            once = [i for i, v in enumerate(varies) if not v]
            self.reductions.append(_Reduction(number, step, bool(kept), once))
        # How many row reductions, one after the other, come before each value.
        self.level: list[int] = [0] * self.first_step
        for number, step in enumerate(self.kernel.steps, self.first_step):
            above = max((self.level[a] for a in step.args if type(a) is int), default=0)
            self.level.append(above + (number in self.row_reductions))
        self.by_columns = any(r.columns for r in self.reductions)

    # Who computes what

    def _lay_out(self) -> None:
        columns, rows = self.columns, self.rows
        self.tiles = 1
        if self.row_reductions:
            self.width = min(_power_of_two(columns), 32)
            if columns > 256:
                self.width = min(_MOST_THREADS, 32 * _power_of_two(math.ceil(columns / 256)))
        elif self.by_columns:
            self.width = min(_power_of_two(columns), 32)
            self.tiles = math.ceil(columns / self.width)
        else:  # every element by itself: one long row
            self.width = 1
        self.deep = max(1, _THREADS // self.width)
        if self.width > 32:
            self.deep = 1
        threads = self.width * self.deep
        self.owned = math.ceil(columns / (self.width * self.tiles))
        if self.by_columns and self.owned > _MOST_OWNED:
            raise Unsupported("rows too long for sums over columns beside row reductions")
        units = rows if self.row_reductions or self.by_columns else rows * columns
        self.blocks = max(1, min(math.ceil(units / self.deep), _MOST_BLOCKS))
        if self.by_columns:
            self.blocks = min(self.blocks, max(1, _PARTS // self.deep))
        self.threads = threads

    def source(self) -> Source:
        body = self._rows() if self.row_reductions or self.by_columns else self._elements()
        workspace, after = self._joins()
        parameters = [
            *(f"const {TYPES[o.dtype]}* in{i}" for i, o in self._inputs()),
            *(f"{TYPES[o.dtype]}* out{i}" for i, (_, o) in self._outputs()),
            "char* workspace",
            "unsigned* counters",
        ]
        joined = ",\n    ".join(parameters)
        lines = [
            f'extern "C" __global__ void __launch_bounds__({self.threads})',
            f"kernel(\n    {joined}) {{",
            f"typedef {self.index} Index;",
            f"const int lane = threadIdx.x % {self.width}, deep = threadIdx.x / {self.width};",
            *self._accumulators(),
            *body,
            *after,
            "}",
        ]
        return Source(
            "\n".join(lines) + "\n",
            (self.tiles, self.blocks),
            (self.threads,),
            workspace,
            1 + self.tiles if self.reductions else 0,
        )

    def _inputs(self) -> Any:
        return enumerate(self.kernel.inputs)

    def _outputs(self) -> Any:
        return enumerate(self.kernel.outputs)

    # Loops

    def _elements(self) -> list[str]:
        total = math.prod(self.kernel.shape)
        stride = self.blocks * self.threads
        return [
            f"for (Index i = blockIdx.y * (Index){self.threads} + threadIdx.x; i < {total}; "
            f"i += {stride}) {{",
            *self._coordinates("i", self.kernel.shape),
            *self._values(self._wanted(range(len(self.dtypes))), element=True, flat=True),
            *self._stores(full=True),
            *self._stores(full=False),
            *self._accumulate("0"),
            "}",
        ]

    def _rows(self) -> list[str]:
        # Every thread of a warp goes round as often, since reductions need them all.
        step = self.blocks * self.deep
        lines = [
            f"for (Index start = blockIdx.y * (Index){self.deep}; start < {self.rows}; "
            f"start += {step}) {{",
            f"const Index r = start + deep < {self.rows} ? start + deep : {self.rows - 1};",
            f"const bool mine = start + deep < {self.rows};",
            *self._coordinates("r", self.kernel.shape[:-1]),
        ]
        depth = max((self.level[n] for n in self.row_reductions), default=0)
        for level in range(depth + 1):
            lines += self._values(self._row_scope(level), element=False)
            now = [n for n in self.row_reductions if self.level[n] == level + 1]
            if level < depth:
                lines += self._reduce_rows(now)
        lines += self._stores(full=False)
        lines += [*self._column_loop(), *self._values(self._needed_in_last_loop(), element=True)]
        lines += [*self._stores(full=True), *self._accumulate("k"), "}", "}", "}"]
        return lines

    def _column_loop(self) -> list[str]:
        unroll = "#pragma unroll" if self.by_columns else "#pragma unroll 2"
        bound = f"c < {self.columns}" if self.columns % (self.width * self.tiles) else "true"
        first = f"blockIdx.x * {self.width * self.owned}" if self.tiles > 1 else "0"
        return [
            unroll,
            f"for (int k = 0; k < {self.owned}; ++k) {{",
            f"const Index c = {first} + lane + k * {self.width};",
            f"if ({bound}) {{" if bound != "true" else "{",
            f"const Index c{self.last} = c;",
        ]

    def _reduce_rows(self, numbers: list[int]) -> list[str]:
        """One loop over the columns for reductions that do not need each other's result."""
        lines = []
        for n in numbers:
            op, dtype = self._step(n).op, self.dtypes[n]
            lines.append(f"{TYPES[dtype]} v{n} = {REDUCTIONS[op][1](dtype)};")
        roots = [a for n in numbers for a in self._step(n).args if type(a) is int]
        wanted = [n for n in self._wanted(roots) if self.varies[n][self.last]]
        lines += [*self._column_loop(), *self._values(wanted, element=True)]
        for n in numbers:
            lines.append(f"v{n} = {self._joined(n, f'v{n}', self._operand_of(n))};")
        lines += ["}", "}"]
        for n in numbers:
            op = REDUCTIONS[self._step(n).op][0]
            lines.append(f"v{n} = reduce<{op}, {self.width}>(v{n});")
        return lines

    def _needed_in_last_loop(self) -> list[int]:
        roots = [n for n, _ in self.kernel.outputs if self.varies[n][self.last]]
        roots += [a for r in self.reductions for a in r.step.args if type(a) is int]
        excluded = {r.number for r in self.reductions}
        found = self._wanted([n for n in roots if n not in excluded])
        return [n for n in found if self.varies[n][self.last] and n not in excluded]

    def _row_scope(self, level: int) -> list[int]:
        """Values that a row has one of, which are known after ``level`` row reductions."""
        excluded = {r.number for r in self.reductions} | set(self.row_reductions)
        return [
            n
            for n in range(len(self.dtypes))
            if not self.varies[n][self.last] and self.level[n] == level and n not in excluded
        ]

    def _wanted(self, roots: Any) -> list[int]:
        """These values and what they are computed from, in order; reductions are known already."""
        known = {r.number for r in self.reductions} | set(self.row_reductions)
        found: set[int] = set()
        stack = [n for n in roots if n not in known]
        while stack:
            n = stack.pop()
            if n in found or n in known:
                continue
            found.add(n)
            if n >= self.first_step:
                stack += [a for a in self._step(n).args if type(a) is int]
        return sorted(found)

    # Statements

    def _step(self, number: int) -> Step:
        return self.kernel.steps[number - self.first_step]

    def _coordinates(self, index: str, shape: tuple[int, ...]) -> list[str]:
        lines, inner = [], 1
        for axis in reversed(range(len(shape))):
            n = shape[axis]
            whole = f"{index} / {inner}" if inner > 1 else index
            lines.append(f"const Index c{axis} = {f'{whole} % {n}' if axis else whole};")
            inner *= n
        return lines

    def _values(self, numbers: list[int], element: bool, flat: bool = False) -> list[str]:
        lines = []
        for n in numbers:
            kind = TYPES[self.dtypes[n]]
            if n < self.first_step:
                address = self._address(self.kernel.inputs[n], flat)
                lines.append(f"const {kind} v{n} = in{n}[{address}];")
            elif (step := self._step(n)).op == "index":
                lines.append(f"const {kind} v{n} = c{step.over[0]};")
            else:
                operands = [
                    a if isinstance(a, Literal) else (f"v{a}", self.dtypes[a]) for a in step.args
                ]
                lines.append(f"const {kind} v{n} = {expression(step, operands)};")
        return lines

    def _address(self, operand: Operand, flat: bool) -> str:
        if flat and operand.strides == _contiguous(self.kernel.shape):
            return f"i + {operand.offset}" if operand.offset else "i"
        terms = [
            f"c{axis}" if s == 1 else f"c{axis} * (Index){s}"
            for axis, (s, n) in enumerate(zip(operand.strides, self.kernel.shape, strict=True))
            if s and n > 1
        ]
        return " + ".join([*terms, *([str(operand.offset)] if operand.offset else [])]) or "0"

    def _stores(self, full: bool) -> list[str]:
        """Outputs of every element, or those that a row has one of."""
        reduced = {r.number for r in self.reductions}
        lines = []
        for i, (n, operand) in self._outputs():
            if n in reduced or self.varies[n][self.last] != full:
                continue
            guards = ["mine"] if self.row_reductions or self.by_columns else []
            if not full and guards:
                guards += ["lane == 0", *(["blockIdx.x == 0"] if self.tiles > 1 else [])]
            condition = f"if ({' && '.join(guards)}) " if guards else ""
            lines.append(f"{condition}out{i}[{self._address(operand, not guards)}] = v{n};")
        return lines

    # Reductions over the grid

    def _accumulators(self) -> list[str]:
        lines = []
        for r in self.reductions:
            dtype = self.dtypes[r.number]
            count = self.owned if r.columns else 1
            empty = REDUCTIONS[r.step.op][1](dtype)
            lines.append(f"{TYPES[dtype]} a{r.number}[{count}];")
            lines.append(f"for (int k = 0; k < {count}; ++k) a{r.number}[k] = {empty};")
        return lines

    def _operand_of(self, number: int) -> str:
        (operand,) = self._step(number).args
        dtype = self.dtypes[number]
        if isinstance(operand, Literal):
            return literal(operand.value, dtype)
        source = self.dtypes[operand]
        return f"v{operand}" if source == dtype else f"{TYPES[dtype]}(v{operand})"

    def _joined(self, number: int, a: str, b: str) -> str:
        return f"{REDUCTIONS[self._step(number).op][0]}::join({a}, {b})"

    def _accumulate(self, which: str) -> list[str]:
        lines = []
        for r in self.reductions:
            k = which if r.columns else "0"
            guards = [f"c{axis} == 0" for axis in r.once if self.kernel.shape[axis] > 1]
            if self.row_reductions or self.by_columns:
                guards.append("mine")
            a = f"a{r.number}[{k}]"
            condition = f"if ({' && '.join(guards)}) " if guards else ""
            lines.append(
                f"{condition}{a} = {self._joined(r.number, a, self._operand_of(r.number))};"
            )
        return lines

    def _joins(self) -> tuple[int, list[str]]:
        """Partial results to the workspace, and the last block's work; with the bytes needed."""
        if not self.reductions:
            return 0, []
        offset = 0
        write: list[str] = []
        per_tile: list[str] = []
        overall: list[str] = []
        outputs: dict[int, list[tuple[int, Operand]]] = {}
        for i, (n, operand) in self._outputs():
            outputs.setdefault(n, []).append((i, operand))
        parts, blocks = self.blocks * self.deep, self.blocks * self.tiles
        for r in self.reductions:
            n, dtype = r.number, self.dtypes[r.number]
            kind, empty = TYPES[dtype], REDUCTIONS[r.step.op][1](dtype)
            size = np.dtype(dtype).itemsize
            offset = -(-offset // 16) * 16
            write.append(f"{kind}* w{n} = ({kind}*)(workspace + {offset});")
            if r.columns:
                write += [
                    f"for (int k = 0; k < {self.owned}; ++k) {{",
                    f"const int c = blockIdx.x * {self.width * self.owned} + lane "
                    f"+ k * {self.width};",
                    f"if (c < {self.columns}) w{n}[(blockIdx.y * {self.deep} + deep) * "
                    f"(Index){self.columns} + c] = a{n}[k];",
                    "}",
                ]
                width = self.width * self.owned
                per_tile += [
                    f"for (int k = threadIdx.x; k < {width}; k += {self.threads}) {{",
                    f"const int c = blockIdx.x * {width} + k;",
                    f"if (c >= {self.columns}) break;",
                    f"{kind} sum = {empty};",
                    f"for (int p = 0; p < {parts}; ++p) "
                    f"sum = {self._joined(n, 'sum', f'w{n}[p * (Index){self.columns} + c]')};",
                    f"const Index c{self.last} = c;",
                    *self._final(n, outputs[n], "sum"),
                    "}",
                ]
                offset += parts * self.columns * size
                continue
            op = REDUCTIONS[r.step.op][0]
            write += [
                f"a{n}[0] = reduce<{op}, {self.threads}>(a{n}[0]);",
                f"if (threadIdx.x == 0) w{n}[blockIdx.y * {self.tiles} + blockIdx.x] = a{n}[0];",
            ]
            overall += [
                f"{kind} t{n} = {empty};",
                f"for (int p = threadIdx.x; p < {blocks}; p += {self.threads}) "
                f"t{n} = {self._joined(n, f't{n}', f'w{n}[p]')};",
                f"t{n} = reduce<{op}, {self.threads}>(t{n});",
                "if (threadIdx.x == 0) {",
                *self._final(n, outputs[n], f"t{n}"),
                "}",
            ]
            offset += blocks * size
        lines = write
        if per_tile:
            lines += [f"if (last_of(counters + 1 + blockIdx.x, {self.blocks})) {{", *per_tile, "}"]
        if overall:
            lines += [f"if (last_of(counters, {blocks})) {{", *overall, "}"]
        return offset, lines

    def _final(self, number: int, outputs: list[tuple[int, Operand]], value: str) -> list[str]:
        varies = self.varies[number]
        zeros = [
            f"const Index c{axis} = 0;"
            for axis in range(self.last + 1)
            if not (varies[axis] or (axis == self.last and any(varies)))
        ]
        stores = [f"out{i}[{self._address(operand, False)}] = {value};" for i, operand in outputs]
        return ["{", *zeros, *stores, "}"]


def _power_of_two(n: int) -> int:
    """The least power of two that is no smaller."""
    return 1 << max(0, n - 1).bit_length()


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, inner = [], 1
    for n in reversed(shape):
        strides.append(inner)
        inner *= n
    return tuple(reversed(strides))
