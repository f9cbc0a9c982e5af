"""A computation by several contestants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import gpubp

EAGER, PLAIN, OURS = "gpubp eager", "compile, no llvmlite", "compile"
TORCH, TORCH_COMPILE = "PyTorch", "torch.compile"
JAX, AUTOGRAD, EXPERT, PRODUCTS = "JAX jit", "autograd", "by hand", "products"

CONTESTANTS = (EAGER, PLAIN, OURS, TORCH, TORCH_COMPILE, JAX, AUTOGRAD, EXPERT, PRODUCTS)

Call = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """A computation, the same in each contestant's words.

    Attributes:
        title: what it is.
        contestants: by name, what to call; each returns a number that must be the same for all,
            except ``products``, which does the matrix products alone.
    """

    title: str
    contestants: dict[str, Call]


def without_machine_code(call: Call) -> Call:
    """``call``, which compiles when it is called first, as where llvmlite is not installed."""
    compiled = False

    def run() -> Any:
        nonlocal compiled
        if compiled:
            return call()
        compiled = True
        with patch("gpubp_numpy.compiled.executable.worthwhile", return_value=False):
            return call()

    return run


def compiled_both_ways(
    make: Callable[[Callable[..., Any]], Call], f: Callable[..., Any], **options: Any
) -> dict[str, Call]:
    """The three contestants of this library, from a way to make one of a function of arrays."""
    plain, machine = gpubp.compile(f, **options), gpubp.compile(f, **options)
    return {EAGER: make(f), PLAIN: without_machine_code(make(plain)), OURS: make(machine)}
