"""A program made ready to run on a CUDA device: few launches, captured into one graph.

Everything that a graph touches stays where it is: inputs are copied into buffers of the program
(but for donated ones that are those buffers already: what the last call returned), intermediate
values lie in one arena, and results are copied out unless they were donated. The first call runs
operation by operation, which compiles kernels and fills pools; the second is captured. What cannot
be captured, because an operation waits for the device, goes on running operation by operation and
gives the same numbers.
"""

from __future__ import annotations

import logging
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import cupy

from gpubp.compiler.fused import Fused
from gpubp.compiler.memory import MemoryPlan, Place
from gpubp.compiler.program import Operation, Program, Value
from gpubp.compiler.views import Layout
from gpubp.rules.families import Elementwise
from gpubp_cupy import cublas
from gpubp_cupy.compiled.launch import Launch, source_of
from gpubp_cupy.kernels.matmul import product

log = logging.getLogger("gpubp")


def writes(operation: Operation) -> bool:
    """Whether an operation is computed into a buffer that it is given."""
    primitive = operation.primitive
    if isinstance(primitive, Fused):
        return source_of(primitive.kernel) is not None
    return primitive.name == "product"


def capturable(operation: Operation) -> bool:
    """Whether CuPy does an operation by launches alone.

    Others may copy from host memory that is gone when the graph is replayed, which no error tells.
    """
    primitive = operation.primitive
    if primitive.name in ("concat", "stack"):
        return len(operation.args) <= 8  # of more, CuPy uploads the addresses
    if isinstance(primitive, Fused):  # one that no kernel can be: its operations, one by one
        return all(map(capturable, primitive.body.operations))
    return isinstance(primitive, Elementwise) or primitive.name in _LAUNCHES_ALONE


_LAUNCHES_ALONE = frozenset((
    *("astype", "astype_discrete", "broadcast_to", "flip", "matmul", "permute_dims", "reshape"),
    *("arange", "empty", "full", "ones", "zeros", "imag", "real", "slice", "tril", "triu"),
    *("all", "any", "max", "min", "prod", "sum"),
    *("convolution", "convolution_input", "convolution_weight"),
    *("max_windows", "pick_max_windows", "place_max_windows", "spread_windows", "sum_windows"),
    "random_bits",
))  # fmt: skip


class Executable:
    """Runs a program; callable from several threads, one after the other.

    Args:
        program: after all passes.
        plan: where its values lie.
    """

    def __init__(self, program: Program, plan: MemoryPlan) -> None:
        self.program = program
        self.plan = plan
        self.device = next(iter(_values(program))).namespace.device
        self.bound: list[_Bound] = []
        self.lock = threading.Lock()

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        with self.lock, self.device:
            for bound in self.bound:
                if bound.may_take(inputs):
                    return bound(inputs)
            bound = _Bound(self.program, self.plan)
            self.bound.append(bound)
            return bound(inputs)


class _Bound:
    """The program with buffers of its own, and the graph that works on them."""

    def __init__(self, program: Program, plan: MemoryPlan) -> None:
        self.program = program
        self.plan = plan
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.caller: Any = None  # the stream of the last call
        weakref.finalize(self, cublas.forget, self.stream.ptr)
        self.pool = cupy.cuda.MemoryPool()
        self.graph: Any = None
        self.calls = 0
        self.capturable = True
        self.arena = cupy.empty(plan.arena_bytes, cupy.uint8)
        self.inputs = [None if v.number else _empty(v) for v in program.inputs]
        self.numbers: dict[tuple[Value, str], tuple[Any, list[Any]]] = {}
        self.arrays: dict[Value, Any] = {}
        self.steps = self.bind()
        self.held = [self.references(i) for i in range(len(self.inputs))]

    # Buffers

    def bind(self) -> list[Callable[[], None]]:
        plan = self.plan
        self.views: dict[Value, list[Value]] = {}  # of bases that calls allocate
        constants = list(self.program.constants.values())
        for value, (base, layout) in plan.layouts.items():
            place = plan.places[base]
            if place.kind == "call":
                if value is not base:
                    self.views.setdefault(base, []).append(value)
            elif not base.number:
                if base not in self.arrays:
                    self.arrays[base] = self.buffer(base, place, constants)
                if value is not base:
                    self.arrays[value] = _view(self.arrays[base], layout)
        return [
            self.step(position, operation)
            for position, operation in enumerate(self.program.operations)
            if not (plan.is_view(operation) or _on_numbers(operation))
        ]

    def buffer(self, value: Value, place: Place, constants: Sequence[Any]) -> Any:
        if place.kind in ("input", "donated"):
            return self.inputs[place.number]
        if place.kind == "constant":
            return _contiguous(constants[place.number])
        if place.kind == "output":
            return _empty(value)
        return cupy.ndarray(value.shape, value.dtype, self.arena.data + place.number)

    def step(self, position: int, operation: Operation) -> Callable[[], None]:
        primitive, arrays = operation.primitive, self.arrays
        if isinstance(primitive, Fused) and (source := source_of(primitive.kernel)):
            operands = [
                self.number(a, o.dtype) if type(a) is not Value or a.number else a
                for a, o in zip(operation.args, primitive.kernel.inputs, strict=True)
            ]
            launch, results = Launch(source), operation.results

            def run_kernel() -> None:
                given = [arrays[a] if type(a) is Value else a for a in operands]
                launch(given, [arrays[y] for y in results])

            return run_kernel
        if primitive.name == "product":
            args, params, (y,) = operation.args, operation.params, operation.results
            return lambda: product(*[arrays[a] for a in args], **params, out=arrays[y])
        numbers = any(type(a) is Value and a.number for a in operation.args)
        if numbers or not capturable(operation):  # the number would be written into the graph
            self.capturable = False
        return lambda: self.call(position, operation)

    def number(self, x: Any, dtype: str) -> Any:
        """The buffer of a Python number, an input or not."""
        if type(x) is not Value:
            return cupy.asarray(x, dtype)
        key = x, dtype
        if key not in self.numbers:
            self.numbers[key] = cupy.empty((), dtype), [None]
        return self.numbers[key][0]

    def call(self, position: int, operation: Operation) -> None:
        """Run an operation that allocates its results."""
        args = [self.given(a) if type(a) is Value else a for a in operation.args]
        y = operation.primitive(*args, **operation.params)
        ys = y if operation.primitive.multiple_results else (y,)
        for value, array in zip(operation.results, ys, strict=True):
            self.arrays[value] = array = _contiguous(array)
            for view in self.views.get(value, ()):
                self.arrays[view] = _view(array, self.plan.layouts[view][1])
        for value in self.plan.ends.get(position, ()):
            for gone in (value, *self.views.get(value, ())):
                self.arrays.pop(gone, None)

    def given(self, value: Value) -> Any:
        return self.values[value] if value.number else self.arrays[value]

    # A call

    def may_take(self, inputs: Sequence[Any]) -> bool:
        """Whether no array that an earlier call returned would be overwritten behind its owner."""
        for place in self.plan.places.values():
            if place.kind == "donated":
                i = place.number
                if inputs[i] is not self.inputs[i] and self.references(i) > self.held[i]:
                    return False
        return True

    def references(self, i: int) -> int:
        """How many there are to the buffer of input ``i``, from views of it too."""
        return sys.getrefcount(self.inputs[i])

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        current = cupy.cuda.get_current_stream()
        if self.caller is not None and self.caller != current:
            current.wait_event(self.caller.record())  # that stream may still use the buffers
        self.caller = current
        self.values = dict(zip(self.program.inputs, inputs, strict=True))
        for operation in filter(_on_numbers, self.program.operations):
            args = [self.values[a] if type(a) is Value else a for a in operation.args]
            self.values[operation.results[0]] = operation.primitive(*args)
        for x, mine in zip(inputs, self.inputs, strict=True):
            if mine is not None and x is not mine:
                cupy.copyto(mine, x)
        for (value, _), (buffer, written) in self.numbers.items():
            if self.values.get(value) is not None and written != [self.values[value]]:
                buffer.fill(self.values[value])
                written[0] = self.values[value]
        self.run()
        return [self.result(n, y, inputs) for n, y in enumerate(self.program.outputs)]

    def run(self) -> None:
        current = cupy.cuda.get_current_stream()
        self.calls += 1
        if self.calls > 1 and self.capturable:
            if self.graph is None:
                self.graph = self.capture()
            if self.graph is not None:
                self.graph.launch(current)
                return
        if not self.capturable:
            self.work()
            return
        # On the stream that will be captured: what it needs once, it then has.
        self.stream.wait_event(current.record())
        with self.stream, cupy.cuda.using_allocator(self.pool.malloc):
            self.work()
        current.wait_event(self.stream.record())

    def work(self) -> None:
        for step in self.steps:
            step()

    def capture(self) -> Any:
        try:
            with self.stream, cupy.cuda.using_allocator(self.pool.malloc):
                self.stream.begin_capture()
                try:
                    self.work()
                finally:
                    graph = self.stream.end_capture()
        except Exception as error:
            self.capturable = False
            log.info("compile: no CUDA graph, the operations run one by one: %s", error)
            return None
        return graph

    def result(self, number: int, y: Any, inputs: Sequence[Any]) -> Any:
        if type(y) is not Value:
            return y
        if y.number:
            return self.given(y)
        base, layout = self.plan.layouts[y]
        place = self.plan.places[base]
        if number not in self.plan.copied:
            if place.kind == "donated":
                return self.arrays[y]
            if place.kind == "input":
                x = inputs[place.number]
                return x if base is y else _view(_contiguous(x), layout)
        return self.arrays[y].copy()


def _on_numbers(operation: Operation) -> bool:
    """Whether it is arithmetic of Python numbers, which the host does."""
    return operation.results[0].number is not None


def _values(program: Program) -> list[Value]:
    made = [y for operation in program.operations for y in operation.results]
    return [*program.inputs, *program.constants, *made]


def _contiguous(x: Any) -> Any:
    return x if x.flags.c_contiguous else x.copy(order="C")


def _empty(value: Value) -> Any:
    return cupy.empty(value.shape, value.dtype)


def _view(base: Any, layout: Layout) -> Any:
    """The array with that layout in the memory of the contiguous array ``base``."""
    size = base.itemsize
    return cupy.ndarray(
        layout.shape,
        base.dtype,
        base.data + layout.offset * size,
        strides=tuple(s * size for s in layout.strides),
    )
