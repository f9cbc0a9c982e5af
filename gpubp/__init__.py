"""Gradients for Array API code, on NumPy, CuPy and every other library that speaks the standard."""

from __future__ import annotations

import importlib
from typing import Any

from gpubp import errors, rules
from gpubp.core.array import Array
from gpubp.core.backend import available_backends, get_backend, use_backend
from gpubp.core.namespace import array_namespace
from gpubp.transforms.checkpoint import checkpoint
from gpubp.transforms.custom import custom_jvp, custom_vjp
from gpubp.transforms.grad import grad, value_and_grad
from gpubp.transforms.implicit import implicit_root
from gpubp.transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from gpubp.transforms.jvp import jvp
from gpubp.transforms.stop_gradient import stop_gradient
from gpubp.transforms.vjp import linearize, vjp
from gpubp.transforms.vmap import vmap

__version__ = "0.1.0"

_LAZY = ("data", "inspect", "losses", "nn", "optim", "random", "testing", "train")

__all__ = [
    "Array",
    "array_namespace",
    "available_backends",
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "errors",
    "get_backend",
    "grad",
    "hessian",
    "hvp",
    "implicit_root",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "rules",
    "stop_gradient",
    "use_backend",
    "value_and_grad",
    "vjp",
    "vmap",
    *_LAZY,
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"gpubp.{name}")
    raise AttributeError(f"module 'gpubp' has no attribute {name!r}")
