"""Compile every CUDA source of the CuPy backend with NVIDIA's run-time compiler.

    pip install cupy-cuda12x nvidia-cuda-nvrtc-cu12 nvidia-cuda-runtime-cu12
    python ci/nvrtc.py

The emulated device compiles kernels with another compiler; this shows that NVIDIA's takes them
too, for all architectures since Volta. Sources are the `.cu` files beside the Python, and what CuPy
makes of every kernel object in the backend's modules. CuPy must see a device to make them, real or
emulated (the folder of `cudaemu` on PYTHONPATH); nothing is run on it.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ARCHITECTURES = (70, 75, 80, 86, 89, 90, 100, 120)
# What the type letters of a kernel's parameters stand for: T for values, R for real ones, all
# others for integers.
INSTANCES = (
    {"T": "float32", "R": "float32", "I": "int32"},
    {"T": "float64", "R": "float64", "I": "int64"},
    {"T": "complex128", "R": "float64", "I": "int64"},
)


class Source(NamedTuple):
    name: str
    code: str
    options: tuple[str, ...]


class Made(Exception):
    """Carries a source away from the place where CuPy would have compiled it."""


def shipped(distribution: str, pattern: str) -> Path:
    """The file of an installed distribution whose path matches."""
    for file in importlib.metadata.files(distribution) or ():
        if file.match(pattern):
            return Path(str(file.locate()))
    sys.exit(f"{distribution} ships no {pattern}: reinstall it")


def file_sources(package: Any) -> Iterator[Source]:
    """The `.cu` files of the backend, with what they include."""
    read = importlib.import_module(f"{package.__name__}.kernels.source").read
    for path in sorted(Path(package.__file__).parent.rglob("*.cu")):
        yield Source(path.name, read(path), ("--std=c++17",))


def kernel_objects(package: Any) -> Iterator[tuple[str, Any]]:
    """The element-wise and reduction kernels that the backend's modules define."""
    import cupy

    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if isinstance(value, cupy.ElementwiseKernel | cupy.ReductionKernel):
                yield f"{info.name}.{name}", value


def made_sources(package: Any) -> Iterator[Source]:
    """What CuPy makes of each kernel object, for each of `INSTANCES`."""
    import cupy
    from cupy.cuda import compiler

    def give_away(code: str, options: tuple[str, ...], **_: Any) -> None:
        raise Made(code, options)

    compile_in_cupy = compiler._compile_module_with_cache
    compiler._compile_module_with_cache = give_away
    try:
        for name, kernel in kernel_objects(package):
            parameters = (*kernel.in_params, *kernel.out_params)
            # Parameters of a fixed type are numbers, such as a row's length; if all others are raw,
            # CuPy must be told how many threads there shall be.
            threads = {} if any(not (p.raw or p.dtype) for p in parameters) else {"size": 4}
            for types in INSTANCES:
                arguments = [
                    p.dtype.type(1) if p.dtype else cupy.empty(4, types.get(p.ctype, types["I"]))
                    for p in parameters
                ]
                try:
                    kernel(*arguments, **threads)
                except Made as made:
                    yield Source(f"{name} on {types['T']}, {types['I']}", *made.args)
    finally:
        compiler._compile_module_with_cache = compile_in_cupy


def generated_sources() -> Iterator[Source]:
    """What `compile` makes: every operation on every kind of number, and every form of loop."""
    from gpubp.compiler.kernel import POINTWISE, REDUCTIONS, Kernel, Operand, Step
    from gpubp_cupy.compiled.launch import OPTIONS, full_source
    from gpubp_cupy.compiled.operations import compiles
    from gpubp_cupy.compiled.source import generate

    for dtype in ("float32", "float64", "int8", "int32", "int64", "uint64", "bool"):
        names = [op for op in sorted(POINTWISE) if compiles(op, dtype)]
        steps = tuple(Step(op, (0, 1, 2)[: arity(op)], dtype) for op in names)
        full, one = Operand(dtype, (1,)), Operand(dtype, (1,))
        outputs = tuple((3 + i, full) for i in range(len(steps)))
        kernel = Kernel((100,), (one, one, one), steps, outputs)
        yield Source(f"operations on {dtype}", full_source(generate(kernel)), OPTIONS)
    for op in sorted(REDUCTIONS):
        dtype = "bool" if op in ("all", "any") else "float32"
        for shape in ((40, 30), (4, 3000)):
            full = Operand(dtype, (shape[1], 1))
            kept = (Operand(dtype, (1, 0)), Operand(dtype, (0, 1)), Operand(dtype, (0, 0)))
            steps = tuple(Step(op, (0,), dtype, over) for over in ((1,), (0,), (0, 1)))
            kernel = Kernel(shape, (full,), steps, tuple(enumerate(kept, 1)))
            yield Source(f"{op} of {shape}", full_source(generate(kernel)), OPTIONS)


def arity(op: str) -> int:
    """How many operands an element-wise operation has."""
    from gpubp.core.primitive import PRIMITIVES

    return len(getattr(PRIMITIVES[op], "partials", "x"))  # `astype` has one


def text(nvrtc: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> str:
    """The program's log or PTX."""
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer.value.decode()


def complaint(nvrtc: ctypes.CDLL, source: Source, architecture: int) -> str:
    """What the compiler says against the source; nothing if it makes a kernel of it."""
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.code.encode(), source.name.encode(), 0, None, None
    )
    options = [f"--gpu-architecture=compute_{architecture}", *source.options]
    arguments = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    try:
        if nvrtc.nvrtcCompileProgram(program, len(options), arguments):
            return text(nvrtc, "ProgramLog", program)
        kernels = ".entry" in text(nvrtc, "PTX", program)
        return "" if kernels else 'no kernel comes out: is one declared extern "C" __global__?'
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def known_architectures(nvrtc: ctypes.CDLL) -> list[int]:
    """Those of `ARCHITECTURES` that this release compiles for: new ones come, and old ones go."""
    count = ctypes.c_int()
    nvrtc.nvrtcGetNumSupportedArchs(ctypes.byref(count))
    supported = (ctypes.c_int * count.value)()
    nvrtc.nvrtcGetSupportedArchs(supported)
    return [a for a in ARCHITECTURES if a in supported]


def main() -> None:
    os.environ["CUPY_CACHE_IN_MEMORY"] = "1"  # what an earlier run compiled must not be found
    if importlib.util.find_spec("cudaemu"):
        importlib.import_module("cudaemu").install()
    package = importlib.import_module("gpubp_cupy")
    nvrtc = ctypes.CDLL(str(shipped("nvidia-cuda-nvrtc-cu12", "lib/libnvrtc.so.12")))
    sources = [*file_sources(package), *made_sources(package), *generated_sources()]
    architectures = known_architectures(nvrtc)
    tasks = [(source, architecture) for source in sources for architecture in architectures]
    with ThreadPoolExecutor() as pool:  # the compiler runs outside of Python's lock
        complaints = list(pool.map(lambda task: complaint(nvrtc, *task), tasks))
    failures = 0
    for (source, architecture), said in zip(tasks, complaints, strict=True):
        if said:
            failures += 1
            print(f"{source.name}, compute_{architecture}:\n{said}")
    print(f"NVRTC: {len(sources)} CUDA sources, architectures {architectures}, {failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
