"""What the checks of this package accept as arguments of the function under test."""

from __future__ import annotations

from typing import Any

from gpubp.errors import ArgumentTypeError


def require_sequence(check: str, args: Any) -> None:
    """Raise unless ``args`` is a tuple or list; an array's rows would pass for arguments."""
    if not isinstance(args, (tuple, list)):
        raise ArgumentTypeError(
            f"{check}: args must be a tuple of f's arguments, given {type(args).__name__}. "
            "Remedy: write (x,)"
        )
