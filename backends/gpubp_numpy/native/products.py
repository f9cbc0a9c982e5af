"""Matrix products in a segment: calls of the BLAS that NumPy itself uses."""

from __future__ import annotations

import ctypes
import functools
import importlib
from dataclasses import dataclass
from typing import NamedTuple

from gpubp_numpy.native.code import Code, Unsupported, type_name


@dataclass(frozen=True)
class Gemm:
    """c = alpha op(a) op(b) + beta c for row-major matrices in buffers of one dtype.

    Attributes:
        dtype: "float32" or "float64".
        m, n, k: op(a) is (m, k), op(b) is (k, n).
        lda, ldb, ldc: elements from one stored row to the next.
        transpose_a, transpose_b: op transposes: a is stored as (k, m), b as (n, k).
        alpha, beta: numbers; with ``beta`` 0 what c held is not read.
        offsets: elements before the first matrix in a, b, c.
        batch: number of products, each ``steps`` elements after the last in a, b, c.
    """

    dtype: str
    m: int
    n: int
    k: int
    lda: int
    ldb: int
    ldc: int
    transpose_a: bool = False
    transpose_b: bool = False
    alpha: float = 1.0
    beta: float = 0.0
    offsets: tuple[int, int, int] = (0, 0, 0)
    batch: int = 1
    steps: tuple[int, int, int] = (0, 0, 0)


class Blas(NamedTuple):
    """Addresses of cblas_?gemm by dtype, and the width of its integers."""

    address: dict[str, int]
    integer: str


_SPELLINGS = (
    ("scipy_cblas_{}gemm64_", "i64"),
    ("cblas_{}gemm64_", "i64"),
    ("cblas_{}gemm", "i32"),
)


@functools.cache
def blas() -> Blas | None:
    """NumPy's own BLAS, if it has the C interface."""
    try:
        module = importlib.import_module("numpy._core._multiarray_umath")
        # Looking up a symbol in NumPy's module finds those of the libraries it was linked with.
        library = ctypes.CDLL(module.__file__)
    except (ImportError, OSError):
        return None
    for spelling, integer in _SPELLINGS:
        try:
            found = {
                dtype: ctypes.cast(getattr(library, spelling.format(letter)), ctypes.c_void_p).value
                for dtype, letter in (("float32", "s"), ("float64", "d"))
            }
        except AttributeError:
            continue
        return Blas({dtype: address for dtype, address in found.items() if address}, integer)
    return None


_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112


def write_gemm(code: Code, gemm: Gemm, bases: tuple[str, str, str]) -> None:
    """The calls of one :class:`Gemm`, from the registers that hold its buffers' addresses."""
    library = blas()
    if library is None or gemm.dtype not in library.address:
        raise Unsupported(f"a product of {gemm.dtype} without NumPy's BLAS")
    if not (gemm.m and gemm.n and gemm.batch):
        return
    scalar, integer = type_name(gemm.dtype, 0), library.integer
    name = symbol(gemm.dtype)
    matrix = ["ptr", integer]
    kinds = [*["i32"] * 3, *[integer] * 3, scalar, *matrix, *matrix, scalar, *matrix]
    code.declare(name, "void", kinds)
    alpha, beta = (code.number(x, gemm.dtype, 0).name for x in (gemm.alpha, gemm.beta))
    first = [
        code.define(f"getelementptr {scalar}, ptr {base}, i64 {offset}") if offset else base
        for base, offset in zip(bases, gemm.offsets, strict=True)
    ]

    def product(a: str, b: str, c: str) -> None:
        flags = [_TRANSPOSED if t else _PLAIN for t in (gemm.transpose_a, gemm.transpose_b)]
        # A matrix of one row or of none may have any stride; BLAS insists on a plausible one.
        lda, ldb, ldc = (
            max(ld, columns, 1)
            for ld, columns in (
                (gemm.lda, gemm.m if gemm.transpose_a else gemm.k),
                (gemm.ldb, gemm.k if gemm.transpose_b else gemm.n),
                (gemm.ldc, gemm.n),
            )
        )
        values = [_ROW_MAJOR, *flags, gemm.m, gemm.n, gemm.k, alpha, a, lda, b, ldb, beta, c, ldc]
        arguments = ", ".join(f"{kind} {value}" for kind, value in zip(kinds, values, strict=True))
        code.line(f"call void @{name}({arguments})")

    if gemm.batch == 1:
        product(*first)
    else:
        code.loop(
            "0",
            str(gemm.batch),
            1,
            lambda i: product(
                *(
                    code.define(
                        f"getelementptr {scalar}, ptr {base}, "
                        f"i64 {code.define(f'mul i64 {i}, {step}')}"
                    )
                    for base, step in zip(first, gemm.steps, strict=True)
                )
            ),
        )


def symbol(dtype: str) -> str:
    """The name that segments call the product by."""
    return f"gpubp_gemm_{dtype}"
