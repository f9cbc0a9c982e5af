"""NumPy as gpubp sees it."""

from __future__ import annotations

from typing import Any

from gpubp.core.backend import Backend
from gpubp.core.host_memory import MemoryInfo, host_memory


class NumpyBackend(Backend):
    """Arrays in host memory, computed by the CPU."""

    name = "numpy"
    library = "numpy"
    install = "pip install numpy"
    priority = 0
    fuses = True

    def __init__(self, device: str | None = None) -> None:
        import numpy as np

        from gpubp_numpy import protocols
        from gpubp_numpy.kernels import KERNELS

        self._np = np
        self._protocols = protocols
        self.kernels = KERNELS
        super().__init__(device)

    @property
    def array_types(self) -> tuple[type, ...]:
        return (self._np.ndarray, self._np.generic)

    @property
    def xp(self) -> Any:
        import array_api_compat.numpy as xp

        return xp

    def dtype(self, dtype: Any) -> Any:
        """NumPy's dtype for any spelling that NumPy takes, Python's ``float`` among them."""
        found = super().dtype(dtype)
        try:
            return None if found is None else self._np.dtype(found)
        except TypeError:  # no dtype at all: for the caller to refuse, who can name the argument
            return found

    def to_numpy(self, x: Any) -> Any:
        return self.native(x)

    def native(self, x: Any) -> Any:
        """``x``, with a NumPy scalar made an array of shape ()."""
        return x if type(x) is self._np.ndarray else self._np.asarray(x)

    def special(self, name: str) -> Any:
        from gpubp_numpy.kernels.special import special

        return special(name)

    def memory_info(self, device: Any = None) -> MemoryInfo | None:
        return host_memory()

    def details(self) -> dict[str, str]:
        from gpubp_numpy.blas import blas_in_use

        return {"version": self._np.__version__, "BLAS": blas_in_use()}

    def product_route(self, a: Any, b: Any) -> tuple[str, str]:
        from gpubp_numpy.kernels.products import choose

        return choose(a, b)

    def writes(self, operation: Any) -> bool:
        from gpubp_numpy.compiled import writes

        return writes(operation)

    def workspace(self, operation: Any) -> int:
        from gpubp_numpy.compiled import workspace

        return workspace(operation)

    def executable(self, program: Any, memory: Any) -> Any:
        from gpubp_numpy.compiled import Executable

        return Executable(program, memory)

    def array_ufunc(self, xp: Any, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
        return self._protocols.array_ufunc(xp, ufunc, method, inputs, kwargs)

    def array_function(self, xp: Any, func: Any, args: Any, kwargs: Any) -> Any:
        return self._protocols.array_function(xp, func, args, kwargs)

    def method(self, xp: Any, name: str) -> Any:
        return self._protocols.method(xp, name)
