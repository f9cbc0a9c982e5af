"""A cotangent or tangent times a partial derivative, where zero times infinity is zero."""

from __future__ import annotations

from typing import Any

import cupy

_multiply = cupy.ElementwiseKernel(
    "T t, T d", "T r", "r = t == T(0) || d == T(0) ? T(0) : T(t * d)", "gpubp_multiply_no_nan"
)
_divide = cupy.ElementwiseKernel(
    "T t, T d", "T r", "r = t == T(0) ? T(0) : T(t / d)", "gpubp_divide_no_nan"
)


def multiply_no_nan(t: Any, d: Any) -> Any:
    """``t * d``, and exactly 0 wherever either is 0."""
    return _in_one_dtype(_multiply, t, d, cupy.result_type(t, d))


def divide_no_nan(t: Any, d: Any) -> Any:
    """``t / d``, and exactly 0 wherever ``t`` is 0."""
    dtype = cupy.result_type(t, d)
    return _in_one_dtype(_divide, t, d, dtype if dtype.kind in "fc" else cupy.float64)


def _in_one_dtype(kernel: Any, t: Any, d: Any, dtype: Any) -> Any:
    with cupy.cuda.Device(getattr(t, "device", getattr(d, "device", None))):
        return kernel(cupy.asarray(t, dtype=dtype), cupy.asarray(d, dtype=dtype))


KERNELS = {"divide_no_nan": divide_no_nan, "multiply_no_nan": multiply_no_nan}
