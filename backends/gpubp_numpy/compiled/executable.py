"""A program made ready to run on NumPy."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpubp.compiler.memory import MemoryPlan
from gpubp.compiler.program import Program
from gpubp_numpy.compiled.machine import Machine, worthwhile
from gpubp_numpy.compiled.source import Run, Source, aligned

log = logging.getLogger("gpubp")


class Executable:
    """Runs a program in buffers made beforehand; callable from several threads at once.

    Each call that overlaps another has buffers of its own. Nothing warns of overflow, division by
    zero or invalid values.

    Args:
        program: what to run.
        plan: where its values lie.
        machine: whether to make machine code of it, where that can be done.
    """

    checks = True  # see gpubp.compiler.repeat

    def __init__(self, program: Program, plan: MemoryPlan, machine: bool = True) -> None:
        self.program = program
        self.plan = plan
        self.worthwhile = machine and worthwhile(program)
        self.idle = [self.bind()]

    def bind(self) -> Bound:
        """The program with buffers of its own."""
        return Bound(self.program, self.plan, self.worthwhile)

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        try:
            bound = self.idle.pop()
        except IndexError:
            bound = self.bind()
        try:
            if bound.machine is not None:
                bound.change()
            return bound.context.run(bound.run, inputs)
        finally:
            self.idle.append(bound)


class Bound:
    """A program and its buffers.

    Attributes:
        run: the code: NumPy's calls at first, later the machine's if there is any.
        machine: what is being compiled meanwhile.
        context: the one in which NumPy is silent.
    """

    def __init__(self, program: Program, plan: MemoryPlan, worthwhile: bool) -> None:
        arena = aligned(plan.arena_bytes)
        self.context = contextvars.copy_context()
        self.context.run(np.seterr, all="ignore")
        self.run: Run = Source(program, plan, arena).bind()
        self.machine = Machine(program, plan, arena) if worthwhile else None

    def change(self) -> None:
        """Run machine code from now on, if it is there."""
        assert self.machine is not None
        try:
            if self.machine.ready():
                self.run = self.machine.bind()
                self.machine = None
        except Exception as error:  # whatever LLVM has against this machine
            log.warning("compile: no machine code (%s: %s)", type(error).__name__, error)
            self.machine = None
