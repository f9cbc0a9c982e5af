"""Matrix products in a segment: calls of the BLAS that NumPy itself uses."""

from __future__ import annotations

import ctypes
import functools
import importlib
from dataclasses import dataclass
from typing import NamedTuple

from gpubp_numpy.native.code import Code, Module, Unsupported, type_name


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


_WORTH_SHARING = 500_000  # floating-point operations, about 5 us on one thread
_UNIT = 16  # rows or columns that a part is a multiple of: BLAS's own tiles


class Blas(NamedTuple):
    """Addresses of cblas_?gemm by dtype, and the width of its integers.

    ``threads`` are the functions that get and set how many threads it uses, or None.
    """

    address: dict[str, int]
    integer: str
    threads: tuple[int, int] | None


_SPELLINGS = (
    ("scipy_cblas_{}64_", "i64"),
    ("cblas_{}64_", "i64"),
    ("cblas_{}", "i32"),
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
        found = {
            dtype: _address(library, spelling.format(letter + "gemm"))
            for dtype, letter in (("float32", "s"), ("float64", "d"))
        }
        if all(found.values()):
            prefix, suffix = spelling.split("cblas_{}")
            get, set_ = (
                _address(library, f"{prefix}openblas_{verb}_num_threads{suffix}")
                for verb in ("get", "set")
            )
            threads = (get, set_) if get and set_ else None
            return Blas(found, integer, threads)
    return None


def _address(library: ctypes.CDLL, name: str) -> int:
    """Where a function lies; 0 if there is none of that name."""
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    except AttributeError:
        return 0


_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112
_PARTS = 2


def flops(gemm: Gemm) -> int:
    """Floating-point operations of a product."""
    return 2 * gemm.batch * gemm.m * gemm.n * gemm.k


def parts(gemm: Gemm) -> int:
    """Into how many parts the work is cut for two threads.

    BLAS's own threads wait for each other: when one has lost its processor, a product of 0.4 ms
    took 50 ms (median, OpenBLAS on two busy cores), and cut in two for the helper 0.6 ms. On idle
    cores both take the same time.
    """
    library = blas()
    alone = library is None or library.threads is None
    return 1 if alone or flops(gemm) < _WORTH_SHARING else _PARTS


def write_limit(code: Code) -> str:
    """BLAS to one thread where the helper takes part; the register with how many it had."""
    code.declare(GET_THREADS, "i32", [])
    code.declare(SET_THREADS, "void", ["i32"])
    before = code.define(f"call i32 @{GET_THREADS}()")
    code.when(
        code.define("icmp ne ptr %helper, null"),
        lambda: code.line(f"call void @{SET_THREADS}(i32 1)"),
    )
    return before


def write_unlimit(code: Code, before: str) -> None:
    """BLAS to its own number of threads again."""
    code.when(
        code.define("icmp ne ptr %helper, null"),
        lambda: code.line(f"call void @{SET_THREADS}(i32 {before})"),
    )


def write_product(module: Module, name: str, gemm: Gemm) -> None:
    """Add the function ``name(table, scratch, part)`` that computes a part of a product.

    Its table holds the addresses of a, b and c, offsets included. The parts are of the products of
    a batch, or else of the longer side of the result.
    """
    library = blas()
    if library is None or gemm.dtype not in library.address:
        raise Unsupported(f"a product of {gemm.dtype} without NumPy's BLAS")
    code = Code(module)
    code.label("entry")
    scalar, integer = type_name(gemm.dtype, 0), library.integer
    batch, m, n, offsets = _cut(code, gemm)
    addresses = []
    for place, offset in enumerate(offsets):
        slot = code.define(f"getelementptr ptr, ptr %table, i64 {place}")
        base = code.define(f"load ptr, ptr {slot}")
        addresses.append(code.define(f"getelementptr {scalar}, ptr {base}, i64 {offset}"))
    matrix = ["ptr", integer]
    kinds = [*["i32"] * 3, *[integer] * 3, scalar, *matrix, *matrix, scalar, *matrix]
    code.declare(symbol(gemm.dtype), "void", kinds)
    flags = [_TRANSPOSED if t else _PLAIN for t in (gemm.transpose_a, gemm.transpose_b)]
    alpha, beta = (code.number(x, gemm.dtype, 0).name for x in (gemm.alpha, gemm.beta))
    size = [code.narrow(x, integer) for x in (m, n, gemm.k)]
    lda, ldb, ldc = _leading(gemm)

    def product(i: str) -> None:
        a, b, c = (
            code.define(
                f"getelementptr {scalar}, ptr {base}, i64 {code.define(f'mul i64 {i}, {step}')}"
            )
            for base, step in zip(addresses, gemm.steps, strict=True)
        )
        values = [_ROW_MAJOR, *flags, *size, alpha, a, lda, b, ldb, beta, c, ldc]
        arguments = ", ".join(f"{kind} {value}" for kind, value in zip(kinds, values, strict=True))
        code.line(f"call void @{symbol(gemm.dtype)}({arguments})")

    if gemm.m and gemm.n:
        code.loop("0", str(batch), 1, product)
    code.line("ret void")
    code.function(name, "ptr %table, ptr %scratch, i64 %part")


def _cut(code: Code, gemm: Gemm) -> tuple[int | str, int | str, int | str, list[str]]:
    """batch, m, n of the part ``%part`` of a product, and the elements before it in a, b, c."""
    sizes: dict[str, int | str] = {"batch": gemm.batch, "m": gemm.m, "n": gemm.n}
    count, offsets = parts(gemm), ["0", "0", "0"]
    if count > 1:
        axis = "batch" if gemm.batch > 1 else "m" if gemm.m >= gemm.n else "n"
        whole = {"batch": gemm.batch, "m": gemm.m, "n": gemm.n}[axis]
        unit = 1 if axis == "batch" else _UNIT
        chunk = -(-whole // (count * unit)) * unit
        first = code.define(f"mul i64 %part, {chunk}")
        left = code.define(f"sub i64 {whole}, {first}")
        short = code.define(f"icmp slt i64 {left}, {chunk}")
        sizes[axis] = code.define(f"select i1 {short}, i64 {left}, i64 {chunk}")
        along = {
            "batch": gemm.steps,
            "m": (1 if gemm.transpose_a else gemm.lda, 0, gemm.ldc),
            "n": (0, gemm.ldb if gemm.transpose_b else 1, 1),
        }[axis]
        offsets = [code.define(f"mul i64 {first}, {step}") for step in along]
    return sizes["batch"], sizes["m"], sizes["n"], offsets


def _leading(gemm: Gemm) -> tuple[int, int, int]:
    """Leading dimensions: BLAS insists on plausible ones even where there is but one row."""
    return (
        max(gemm.lda, gemm.m if gemm.transpose_a else gemm.k, 1),
        max(gemm.ldb, gemm.k if gemm.transpose_b else gemm.n, 1),
        max(gemm.ldc, gemm.n, 1),
    )


GET_THREADS, SET_THREADS = "gpubp_get_threads", "gpubp_set_threads"


def symbol(dtype: str) -> str:
    """The name that segments call the product by."""
    return f"gpubp_gemm_{dtype}"


def symbols() -> dict[str, int]:
    """Addresses of what segments call, by the names that they use."""
    library = blas()
    if library is None:
        return {}
    found = {symbol(dtype): address for dtype, address in library.address.items()}
    if library.threads is not None:
        found |= zip((GET_THREADS, SET_THREADS), library.threads, strict=True)
    return found
