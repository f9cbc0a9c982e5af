"""Object code in memory, ready to be called."""

from __future__ import annotations

import threading

from gpubp_numpy.native import cache
from gpubp_numpy.native.target import target


class Loaded:
    """Functions of an object file, by name; the code lives as long as this object."""

    def __init__(self, object_code: bytes) -> None:
        llvm = target().llvm
        empty = llvm.parse_assembly("")  # in the context that outlives every engine
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self._engine = llvm.create_mcjit_compiler(empty, machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(object_code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        found: int = self._engine.get_function_address(name)
        return found


_one_at_a_time = threading.Lock()  # of threads that use LLVM


def load(text: str) -> Loaded:
    """The functions of a module's text, compiled or from the disk."""
    host = target()
    name = cache.key(text, host.identity)
    code = cache.load(name)
    with _one_at_a_time:
        if code is None:
            code = host.object_code(text)
            cache.store(name, code)
        return Loaded(code)
