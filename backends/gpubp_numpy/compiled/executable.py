"""A program made ready to run on NumPy."""

from __future__ import annotations

import contextvars
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpubp.compiler.memory import MemoryPlan
from gpubp.compiler.program import Program
from gpubp_numpy.compiled.source import Run, bind


class Executable:
    """Runs a program in buffers made beforehand; callable from several threads at once.

    Each call that overlaps another has buffers of its own. Nothing warns of overflow, division by
    zero or invalid values.

    Args:
        program: what to run.
        plan: where its values lie.
    """

    def __init__(self, program: Program, plan: MemoryPlan) -> None:
        self.program = program
        self.plan = plan
        self.idle: list[tuple[Run, contextvars.Context]] = [self.bind()]

    def bind(self) -> tuple[Run, contextvars.Context]:
        """A copy of the program with buffers of its own, and the context in which it is silent."""
        context = contextvars.copy_context()
        context.run(np.seterr, all="ignore")
        return bind(self.program, self.plan), context

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        try:
            bound = self.idle.pop()
        except IndexError:
            bound = self.bind()
        try:
            run, context = bound
            return context.run(run, inputs)
        finally:
            self.idle.append(bound)
