"""Record a function once, rewrite what it does, plan its memory, run it again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpubp.compiler.plan import Plan, load

__all__ = ["Plan", "load"]


def __getattr__(name: str) -> Any:
    # The plan imports rules, which import the core: not while a backend imports what it lowers.
    if name in __all__:
        from gpubp.compiler import plan

        return getattr(plan, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
