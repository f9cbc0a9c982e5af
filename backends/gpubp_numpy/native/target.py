"""The machine that code is made for, and its compiler."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

from gpubp_numpy.native.code import Module
from gpubp_numpy.native.products import symbols

_ATTRIBUTES = (
    'attributes #0 = {{ nounwind "target-cpu"="{cpu}" "target-features"="{features}"{width} }}'
)
_COLD = '!0 = !{!"branch_weights", i32 1, i32 1000}'


class Target:
    """The host's processor as LLVM knows it."""

    def __init__(self) -> None:
        import llvmlite
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.llvm = llvm
        self.cpu = llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features()
        self.features = features.flatten()
        self.has_avx512 = bool(features.get("avx512f") and features.get("avx512dq"))
        if self.has_avx512:
            self.vector_bytes = 64
        else:
            self.vector_bytes = 32 if features.get("avx2") else 16
        self._machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=self.cpu,
            features=self.features,
            opt=2,
            # Addresses in full: LLVM asks for each section's memory by itself, and where two came
            # to lie 2 GB apart, a reference of 32 bits from one to the other ended the process.
            reloc="static",
            codemodel="large",
            jit=True,
        )

        self.identity = f"llvmlite {llvmlite.__version__} {self.cpu} {self.features}"
        for name, address in (symbols() | yielding()).items():
            llvm.add_symbol(name, address)
        self.yields = bool(yielding())

    def module(self) -> Module:
        return Module(self.has_avx512)

    def text(self, module: Module) -> str:
        """All of a module, with the attributes of its functions."""
        width = ' "prefer-vector-width"="512"' if self.has_avx512 else ""
        attributes = _ATTRIBUTES.format(cpu=self.cpu, features=self.features, width=width)
        return "\n".join([module.text(), attributes, _COLD])

    def optimised(self, text: str) -> Any:
        module = self.llvm.parse_assembly(text)
        options = self.llvm.create_pipeline_tuning_options(speed_level=1)
        options.loop_vectorization = False
        options.slp_vectorization = False
        options.loop_unrolling = False
        options.loop_interleaving = False
        builder = self.llvm.create_pass_builder(self._machine, options)
        builder.getModulePassManager().run(module, builder)
        return module

    def object_code(self, text: str) -> bytes:
        """Machine code for a module's text, as an object file."""
        found: bytes = self._machine.emit_object(self.optimised(text))
        return found


@functools.cache
def yielding() -> dict[str, int]:
    """The address of what gives a thread's processor to another, by the name of its callers."""
    if os.name == "nt":
        return {}
    found = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value
    return {"gpubp_yield": found} if found else {}


@functools.cache
def target() -> Target:
    """The host; raises ImportError without llvmlite."""
    return Target()
