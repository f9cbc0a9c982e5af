"""Calls like the last one: what a compiled function looks at before it runs the same program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from gpubp.core import tree
from gpubp.transforms.arguments import export

_kind = attrgetter("shape", "dtype", "device")


class OtherKind(Exception):
    """An argument is not of the shape, dtype or type that the program was made for."""


class Repeat:
    """A program for raw arrays and numbers alone, called outside of transformations.

    Args:
        treedef: structure of the arguments.
        leaves: arguments of the kind that the program is for.
        executable: the program. If it has an attribute ``checks``, it raises :class:`OtherKind`
            by itself, before it does anything.
        out_tree: structure of the result.
    """

    def __init__(
        self,
        treedef: tree.TreeDef,
        leaves: Sequence[Any],
        executable: Callable[[Sequence[Any]], Sequence[Any]],
        out_tree: tree.TreeDef,
    ) -> None:
        self.treedef = treedef
        self.executable = executable
        self.out_tree = out_tree
        self.checks = getattr(executable, "checks", False)
        self.types = [type(x) for x in leaves]
        self.arrays = [i for i, x in enumerate(leaves) if hasattr(x, "dtype")]
        self.kinds = self._kinds(leaves)

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The result for leaves of the structure ``treedef``; raises :class:`OtherKind`."""
        if self.checks:
            return tree.unflatten(self.out_tree, self.executable(leaves))
        if [type(x) for x in leaves] != self.types or self._kinds(leaves) != self.kinds:
            raise OtherKind
        return tree.unflatten(self.out_tree, [export(y) for y in self.executable(leaves)])

    def _kinds(self, leaves: Sequence[Any]) -> list[Any]:
        return [_kind(leaves[i]) for i in self.arrays]
