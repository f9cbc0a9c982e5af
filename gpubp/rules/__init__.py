"""Derivative, shape and vmap rules: one file for each section of the standard.

What layers are made of, and the standard has not, is in ``fused``.
Importing this package fills the registry; a new function is one row in the file of its section.
"""

from gpubp.rules import (
    creation,
    data_types,
    elementwise,
    fft,
    fused,
    indexing,
    linalg,
    linear_algebra,
    manipulation,
    searching,
    statistical,
)
from gpubp.rules.elementwise import divide_no_nan, multiply_no_nan

__all__ = [
    "creation",
    "data_types",
    "divide_no_nan",
    "elementwise",
    "fft",
    "fused",
    "indexing",
    "linalg",
    "linear_algebra",
    "manipulation",
    "multiply_no_nan",
    "searching",
    "statistical",
]
