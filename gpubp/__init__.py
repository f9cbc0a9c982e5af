"""Gradients for Array API code, on NumPy, CuPy and every other library that speaks the standard.

A transformation takes a function of arrays and returns another; they nest in any order:

    grad, value_and_grad           gradient of a real scalar function
    jvp, linearize, vjp            Jacobian times tangent, cotangent times Jacobian
    jacobian, jacfwd, jacrev       the whole Jacobian
    hessian, hvp                   the Hessian, and its product with a vector
    vmap                           a function of one example, applied to a batch
    checkpoint                     compute again on the way back instead of storing
    custom_jvp, custom_vjp         derivatives of one's own
    implicit_root                  derivatives of a solution, past its solver
    stop_gradient                  none
    compile                        recorded once, then run as one planned and fused program
    plan                           what that program does and needs, without running it
    support                        what works where: function by transformation by library

Arguments and results are trees: arrays in dicts, lists, tuples, named tuples, modules of
``gpubp.nn``, and dataclasses given to ``gpubp.tree.register``. An argument to differentiate holds
floating-point arrays and numbers alone.

    gpubp.tree      map, leaves and structure of trees     gpubp.random   random numbers from keys
    gpubp.nn        layers and models                      gpubp.data     examples from files
    gpubp.losses    losses                                 gpubp.train    what the command trained
    gpubp.optim     optimisers                             gpubp.testing  checks of derivatives
    gpubp.special   erf, logsumexp, ...                    gpubp.inspect  a function taken apart
    gpubp.per_example  gradients, norms, clipped sums for each example of a batch
    gpubp.batching  results of a batch in chunks that fit the memory
    gpubp.typing    names for annotations                  gpubp.errors   every error raised

``get_backend``, ``use_backend`` and ``available_backends`` choose the array library where nothing
else does; arrays that are there already stay with theirs.

>>> import gpubp, numpy as np
>>> gpubp.grad(lambda x: np.sum(np.tanh(x)))(np.zeros(2))
array([1., 1.])
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from gpubp import errors, rules, special, typing
from gpubp.catalogue import support
from gpubp.compiler.compiled import compile
from gpubp.compiler.plan import plan
from gpubp.core import tree
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

sys.modules[f"{__name__}.tree"] = tree  # so that one can import from it by that name

if TYPE_CHECKING:
    from gpubp import batching, data, inspect, losses, nn, optim, random, testing, train
    from gpubp.batching import per_example

__version__ = "0.1.0"

__all__ = [
    "Array",
    "array_namespace",
    "available_backends",
    "batching",
    "checkpoint",
    "compile",
    "custom_jvp",
    "custom_vjp",
    "data",
    "errors",
    "get_backend",
    "grad",
    "hessian",
    "hvp",
    "implicit_root",
    "inspect",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "losses",
    "nn",
    "optim",
    "per_example",
    "plan",
    "random",
    "rules",
    "special",
    "stop_gradient",
    "support",
    "testing",
    "train",
    "tree",
    "typing",
    "use_backend",
    "value_and_grad",
    "vjp",
    "vmap",
]


_AT = {"per_example": "gpubp.batching.per_example"}


def __getattr__(name: str) -> Any:
    # Of the names above only submodules are missing: those imported when they are first used.
    if name in __all__:
        return importlib.import_module(_AT.get(name, f"gpubp.{name}"))
    raise AttributeError(f"module 'gpubp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
