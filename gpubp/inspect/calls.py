"""A tape that knows which primitives one call of the user's gave rise to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.core.namespace import is_array, is_inexact
from gpubp.core.primitive import Primitive
from gpubp.core.trace import running
from gpubp.transforms.arguments import constant, default_array, flatten_call, name_of
from gpubp.transforms.tape import Tape

# Layers and losses are written like a user's function, so their calls count as the user's. By
# file, not by module's name: the examples in a docstring run under the name of their module.
_PACKAGE = Path(__file__).parents[1]
_MACHINERY = tuple(
    f"{_PACKAGE / folder}{os.sep}" for folder in ("core", "rules", "transforms", "inspect")
)


class CallTape(Tape):
    """Beside each node, the frame by which its call entered the library.

    ``x @ w`` may be three primitives, ``xp.var(x)`` a dozen; they share a frame.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[FrameType | None] = []

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        out = super().process(primitive, args, params)
        self._mark(_entry(sys._getframe()))
        return out

    def process_call(self, call: Any, args: Sequence[Any]) -> Any:
        out = super().process_call(call, args)
        self._mark(_entry(sys._getframe()))
        return out

    def residuals(self, primitive: Primitive, parents: Any, args: Any, y: Any) -> tuple[Any, Any]:
        return args, y  # every value is to be shown

    def input(self, x: Any) -> Any:
        out = super().input(x)
        self._mark(None)
        return out

    def _mark(self, frame: FrameType | None) -> None:
        self.calls += [frame] * (len(self.nodes) - len(self.calls))


def _entry(frame: FrameType) -> FrameType:
    """The outermost of the machinery's frames on top of the stack."""
    while frame.f_back is not None:
        if not frame.f_back.f_code.co_filename.startswith(_MACHINERY):
            break
        frame = frame.f_back
    return frame


class Run:
    """One recorded run of a function.

    Attributes:
        leaves: of all arguments, as raw arrays.
        inputs: numbers of the leaves that are differentiated; input ``i`` is node ``i``.
        nodes: of the tape.
        calls: for each node, a number that nodes of one call share.
        output: position of the result.
        result: whatever ``f`` returned beside the differentiated array.
    """

    leaves: list[Any]
    inputs: list[int]
    nodes: list[Any]
    calls: list[int]
    output: int


def run(f: Callable[..., Any], args: Sequence[Any], caller: str) -> Run:
    """Run ``f`` on traced arguments and keep what was done.

    Raises:
        ArgumentError: unless ``f`` returns one floating-point array that depends on ``args``.
    """
    found = Run()
    leaves, treedef = flatten_call(args)
    leaves = [default_array(x, leaves) if isinstance(x, (float, complex)) else x for x in leaves]
    found.leaves = leaves
    found.inputs = [i for i, x in enumerate(leaves) if is_array(x) and is_inexact(x)]
    with running(CallTape()) as tape:
        traced = [constant(x) for x in leaves]
        for i in found.inputs:
            traced[i] = tape.input(leaves[i])
        out = f(*tree.unflatten(treedef, traced))
        results, structure = tree.flatten(out)
        if len(results) != 1:
            raise errors.ArgumentError(
                f"{caller}: {name_of(f)} must return one array, got the structure {structure}; "
                "return the one whose derivatives you want to see"
            )
        output = tape.position(results[0])
    if output is None:
        raise errors.ArgumentError(
            f"{caller}: the result of {name_of(f)} does not depend on its arguments; pass what "
            "it depends on as arguments of floating-point dtype"
        )
    found.output = output
    found.nodes = tape.nodes
    numbers: dict[int, int] = {}
    # Frames are alive here, so no two share an identity; only their numbers are kept.
    found.calls = [numbers.setdefault(id(frame), len(numbers)) for frame in tape.calls]
    tape.calls.clear()
    return found
