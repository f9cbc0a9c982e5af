"""How an operation is written as a call that puts its result into a given buffer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gpubp.compiler.program import Operation, Value
from gpubp.core.backend import get_backend
from gpubp.core.primitive import PRIMITIVES, Primitive
from gpubp.core.shapes import Shape, size_of
from gpubp.rules.families import Elementwise
from gpubp_numpy.compiled import into
from gpubp_numpy.compiled.windows import RECIPES, recipe
from gpubp_numpy.kernels.selection import INTEGERS, SMALL


class Form(NamedTuple):
    """A line of code: ``{f}`` is ``f``, ``{0}`` an operand, ``{out}`` the buffer.

    ``{work}`` is an array beside it, of the shape and dtype that ``work`` says.
    """

    code: str
    f: Any = None
    work: tuple[Shape, np.dtype[Any]] | None = None


def form(operation: Operation) -> Form | None:
    """How to compute ``operation`` into its buffer; None if only a plain call can."""
    if not all(_is_plain(value.dtype) for value in operation.results):
        return None
    name = operation.primitive.name
    rule = _RULES.get(name)
    if rule is not None:
        return rule(operation, **operation.params)
    if not isinstance(operation.primitive, Elementwise) or operation.params:
        return None
    (out,) = operation.results
    dtypes = [a.dtype if type(a) is Value else None for a in operation.args]
    condition = operation.args[0]
    shape = tuple(condition.shape) if type(condition) is Value else ()
    return pointwise(name, dtypes, out.dtype, tuple(out.shape), shape)


def pointwise(
    name: str, operands: Sequence[Any], dtype: np.dtype[Any], shape: Shape, first: Shape
) -> Form | None:
    """The form of an element-wise primitive; None if its function can only allocate.

    Args:
        name: of the primitive.
        operands: dtypes of its operands; None for a Python number.
        dtype: of the result.
        shape: of the result.
        first: shape of the first operand.
    """
    if name == "where":
        # On the bits, where there are many elements: see gpubp_numpy.kernels.selection.
        integers = INTEGERS.get(dtype)
        if integers is None or operands[0] != np.bool or size_of(shape) < SMALL:
            return Form("{f}({out}, {2}); {f}({out}, {1}, where={0})", np.copyto)
        return Form("{f}({0}, {1}, {2}, {out}, {work})", into.where, (first, np.dtype(integers)))
    if name in _INTO:
        return Form("{f}({0}, {1}, {out})", _INTO[name])
    ufunc = ufunc_of(PRIMITIVES[name], dtype)
    if ufunc is None:
        return None
    given = "".join(f"{{{i}}}, " for i in range(len(operands)))
    return Form(f"{{f}}({given}{OUT.get(ufunc, '')}{{out}})", ufunc)


def ufunc_of(primitive: Primitive, dtype: Any) -> np.ufunc | None:
    """The ufunc that the primitive is, for results of this dtype; None if it is none."""
    name = primitive.name
    if name in _ROUNDING:
        return _ROUNDING[name] if dtype.kind == "f" else None
    if name in _REAL:
        return _REAL[name] if dtype.kind != "c" else None
    try:
        found = primitive.lower(get_backend("numpy"))
    except AttributeError:  # not NumPy's
        return None
    return found if isinstance(found, np.ufunc) else None


# By position it is faster, which NumPy does not like where one might mean a third operand.
OUT: dict[Any, str] = {np.maximum: "out=", np.minimum: "out="}

# The library wraps these for integers, complex numbers or signed zeros.
_ROUNDING = {"ceil": np.ceil, "floor": np.floor, "round": np.rint, "trunc": np.trunc}
_REAL = {
    "abs_real": np.absolute,
    "expm1": np.expm1,
    "norm_root": np.sqrt,
    "sign_real": np.sign,
}
_INTO = {"divide_no_nan": into.divide_no_nan, "multiply_no_nan": into.multiply_no_nan}


def _is_plain(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "biufc"


def _fixed(code: str, f: Callable[..., Any] | None = None) -> Callable[..., Form]:
    return lambda operation, **params: Form(code, f)


def _reduction(ufunc: np.ufunc) -> Callable[..., Form]:
    return lambda operation, axis, keepdims: Form(
        f"{{f}}({{0}}, {axis!r}, None, {{out}}, {keepdims!r})", ufunc.reduce
    )


def _accumulation(ufunc: np.ufunc) -> Callable[..., Form]:
    return lambda operation, axis: Form(f"{{f}}({{0}}, {axis!r}, None, {{out}})", ufunc.accumulate)


def _key(spec: tuple[Any, ...]) -> str:
    parts = (f"{p[0]}:{p[1]}:{p[2]}" if type(p) is tuple else str(p) for p in spec)
    return f"[{', '.join(parts)}]" if spec else "[()]"


def _reversed(operation: Operation, axis: tuple[int, ...]) -> Form:
    parts = ("::-1" if i in axis else ":" for i in range(len(operation.args[0].shape)))
    return Form(f"{{f}}({{out}}, {{0}}[{', '.join(parts)}])", np.copyto)


def _concat(operation: Operation, axis: int) -> Form:
    operands = "".join(f"{{{i}}}, " for i in range(len(operation.args)))
    return Form(f"{{f}}(({operands}), {axis}, {{out}})", np.concatenate)


def _stack(operation: Operation, axis: int) -> Form:
    before = ":, " * axis
    return Form("; ".join(f"{{out}}[{before}{i}] = {{{i}}}" for i in range(len(operation.args))))


def _product(
    operation: Operation, transpose_a: bool, transpose_b: bool, alpha: float
) -> Form | None:
    """NumPy's product turns transposed matrices into flags of BLAS by itself."""
    a, b = (
        f"{{{i}}}.swapaxes(-1, -2)" if turned else f"{{{i}}}"
        for i, turned in enumerate((transpose_a, transpose_b))
    )
    to = "{out}" if len(operation.args) == 2 else "{work}"
    code = f"matmul({a}, {b}, {to})"
    if alpha != 1.0:
        code += f"; multiply({to}, {alpha!r}, {to})"
    if to == "{out}":
        return Form(code)
    (y,) = operation.results
    return Form(f"{code}; add({to}, {{2}}, {{out}})", work=(tuple(y.shape), y.dtype))


def _on_windows(operation: Operation, windows: Any) -> Form:
    """The kernel; the room to work in is for machine code."""
    found = recipe(operation)
    (y,) = operation.results
    work = None if found is None or not found.work else ((found.work,), y.dtype)
    kernel = partial(operation.primitive.lower(get_backend("numpy")), windows=windows)
    operands = "".join(f"{{{i}}}, " for i in range(len(operation.args)))
    return Form(f"{{f}}({operands}out={{out}})", kernel, work)


def _of_arrays(rule: Callable[..., Form]) -> Callable[..., Form | None]:
    """A rule for operands that are arrays, not Python numbers."""

    def checked(operation: Operation, **params: Any) -> Form | None:
        arrays = all(type(a) is Value and not a.number for a in operation.args)
        return rule(operation, **params) if arrays else None

    return checked


_RULES: dict[str, Callable[..., Form | None]] = {
    **dict.fromkeys(RECIPES, _on_windows),
    "all": _of_arrays(_reduction(np.logical_and)),
    "any": _of_arrays(_reduction(np.logical_or)),
    "astype": _fixed("{f}({out}, {0}, 'unsafe')", np.copyto),
    "astype_discrete": _fixed("{f}({out}, {0}, 'unsafe')", np.copyto),
    "broadcast_to": _fixed("{f}({out}, {0})", np.copyto),
    "concat": _of_arrays(_concat),
    "cumulative_prod": _of_arrays(_accumulation(np.multiply)),
    "cumulative_sum": _of_arrays(_accumulation(np.add)),
    "embed": lambda operation, shape, spec: Form(f"{{out}}.fill(0); {{out}}{_key(spec)} = {{0}}"),
    "flip": _of_arrays(_reversed),
    "full": lambda operation, value, **home: Form("{out}.fill({f})", value),
    "imag": _fixed("{f}({out}, {0}.imag)", np.copyto),
    "matmul": _of_arrays(_fixed("{f}({0}, {1}, {out})", np.matmul)),
    "max": _of_arrays(_reduction(np.maximum)),
    "min": _of_arrays(_reduction(np.minimum)),
    "permute_dims": _of_arrays(
        lambda operation, axes: Form(f"{{f}}({{out}}, {{0}}.transpose({axes!r}))", np.copyto)
    ),
    "prod": _of_arrays(_reduction(np.multiply)),
    "product": _product,
    "real": _fixed("{f}({out}, {0}.real)", np.copyto),
    "reshape": _of_arrays(
        lambda operation, shape: Form(
            f"{{f}}({{out}}.reshape({operation.args[0].shape!r}), {{0}})", np.copyto
        )
    ),
    "slice": _of_arrays(
        lambda operation, spec: Form(f"{{f}}({{out}}, {{0}}{_key(spec)})", np.copyto)
    ),
    "slice_put": lambda operation, spec: Form(
        f"{{f}}({{out}}, {{0}}); {{out}}{_key(spec)} = {{1}}", np.copyto
    ),
    "ones": _fixed("{out}.fill(1)"),
    "stack": _of_arrays(_stack),
    "sum": _of_arrays(_reduction(np.add)),
    "zeros": _fixed("{out}.fill(0)"),
}
