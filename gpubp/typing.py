"""Names for annotations: the standard defines how an array behaves, not its class."""

from __future__ import annotations

from typing import Any, TypeAlias

Array: TypeAlias = Any
"""An array of any library that speaks the standard, or a traced one."""

Tree: TypeAlias = Any
"""Dicts, lists, tuples, named tuples, modules and ``None``, nested; arrays at the leaves."""
