"""Gradients for Array API code, on NumPy, CuPy and every other library that speaks the standard."""

__version__ = "0.1.0"
