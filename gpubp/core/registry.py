"""The standard's functions over payloads, by name; ``gpubp.rules`` fills these tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

# Raw or traced arrays in, the same out.
FUNCTIONS: dict[str, Callable[..., Any]] = {}
# Likewise, but reached by an array's syntax and methods, not through the namespace.
METHODS: dict[str, Callable[..., Any]] = {}
# Those that make arrays out of none; they take the namespace first.
CREATION: dict[str, Callable[..., Any]] = {}


def function(f: F) -> F:
    """Decorator: enter ``f``, a function on payloads, under its name."""
    FUNCTIONS[f.__name__] = f
    return f


def method(f: F) -> F:
    """Decorator: enter ``f``, what stands behind an array's syntax or method of that name."""
    METHODS[f.__name__] = f
    return f


def creation(f: F) -> F:
    """Decorator: enter ``f(namespace, ...)``, which returns raw or traced arrays."""
    CREATION[f.__name__] = f
    return f


def extension(name: str, table: dict[str, Callable[..., Any]] = FUNCTIONS) -> Callable[[F], F]:
    """Decorator: enter a function of the standard's extension ``name`` as ``"name.function"``."""

    def enter(f: F) -> F:
        table[f"{name}.{f.__name__}"] = f
        return f

    return enter
