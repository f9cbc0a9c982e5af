"""How a model prints: arrays as dtype and shape, one line where it fits."""

from __future__ import annotations

import dataclasses
from typing import Any

WIDTH = 100


def describe(value: Any, indent: int = 0) -> str:
    """``value`` as text, continuation lines indented by ``indent`` and a step.

    >>> import numpy as np
    >>> describe({"weight": np.zeros((3, 4), dtype=np.float32), "steps": 2})
    "{'weight': float32[3,4], 'steps': 2}"
    """
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        dtype = str(value.dtype).rpartition(".")[2]
        return f"{dtype}[{','.join(map(str, value.shape))}]"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value)]
        items = [(f"{name}=", getattr(value, name)) for name in names]
        return _enclose(f"{type(value).__name__}(", items, ")", indent)
    if type(value) is dict:
        return _enclose("{", [(f"{key!r}: ", item) for key, item in value.items()], "}", indent)
    if type(value) is list:
        return _enclose("[", [("", item) for item in value], "]", indent)
    if type(value) is tuple:
        close = ",)" if len(value) == 1 else ")"
        return _enclose("(", [("", item) for item in value], close, indent)
    if callable(value):
        return getattr(value, "__name__", None) or repr(value)
    return repr(value)


def _enclose(opening: str, items: list[tuple[str, Any]], closing: str, indent: int) -> str:
    inner = [label + describe(item, indent + 2) for label, item in items]
    line = opening + ", ".join(inner) + closing
    if indent + len(line) <= WIDTH and "\n" not in line:
        return line
    pad = "\n" + " " * (indent + 2)
    return opening + pad + ("," + pad).join(inner) + "\n" + " " * indent + closing.lstrip(",")
