"""Compile every CUDA source of the plug-ins with NVIDIA's run-time compiler, for each architecture.

    pip install cupy-cuda12x nvidia-cuda-nvrtc-cu12 nvidia-cuda-runtime-cu12
    python ci/nvrtc.py

No device is needed. Emulated devices compile with another compiler; this is what shows that
NVIDIA's accepts the sources too. They are the `.cu` files beside the plug-ins' Python.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURES = (70, 75, 80, 86, 89, 90)


def shipped(distribution: str, pattern: str) -> Path:
    """The file of an installed distribution whose path matches."""
    for file in importlib.metadata.files(distribution) or ():
        if file.match(pattern):
            return Path(str(file.locate()))
    sys.exit(f"{distribution} ships no {pattern}: reinstall it")


def include_options() -> list[str]:
    """What CuPy offers to every kernel that it compiles: its own headers and CUDA's."""
    headers = shipped("cupy-cuda12x", "_core/include/cupy/carray.cuh").parents[1]
    bundled = headers / "cupy" / "_cccl"
    cuda = shipped("nvidia-cuda-runtime-cu12", "include/cuda_fp16.h").parent
    folders = [bundled / "libcudacxx", bundled / "thrust", bundled / "cub", headers, cuda]
    return [f"-I{folder}" for folder in folders]


def text(nvrtc: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> str:
    """The program's log or PTX."""
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer.value.decode()


def compile_source(nvrtc: ctypes.CDLL, source: Path, options: list[str]) -> str | None:
    """The compiler's complaint, or None."""
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.read_bytes(), source.name.encode(), 0, None, None
    )
    arguments = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    status = nvrtc.nvrtcCompileProgram(program, len(options), arguments)
    if status:
        return text(nvrtc, "ProgramLog", program)
    if ".entry" not in text(nvrtc, "PTX", program):
        return 'it compiles to no kernel: is one declared extern "C" __global__?'
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return None


def main() -> None:
    sources = sorted((ROOT / "backends").rglob("*.cu"))
    if not sources:
        print("no CUDA source to compile")
        return
    nvrtc = ctypes.CDLL(str(shipped("nvidia-cuda-nvrtc-cu12", "lib/libnvrtc.so.12")))
    common = ["--std=c++17", *include_options()]
    failures = 0
    for source in sources:
        for architecture in ARCHITECTURES:
            options = [f"--gpu-architecture=compute_{architecture}", *common]
            complaint = compile_source(nvrtc, source, options)
            if complaint is not None:
                failures += 1
                print(f"{source.relative_to(ROOT)}, compute_{architecture}:\n{complaint}")
    print(f"{len(sources)} CUDA sources, {len(ARCHITECTURES)} architectures: {failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
