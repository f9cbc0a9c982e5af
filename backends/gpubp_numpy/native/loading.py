"""Object code in memory, ready to be called."""

from __future__ import annotations

import ctypes
from typing import Any

from gpubp_numpy.native.target import target


class Loaded:
    """Functions of an object file, by name; the code lives as long as this object."""

    def __init__(self, object_code: bytes) -> None:
        host = target()
        llvm = host.llvm
        empty = llvm.parse_assembly("")
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self._engine = llvm.create_mcjit_compiler(empty, machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(object_code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        found: int = self._engine.get_function_address(name)
        return found


SEGMENT: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
