"""CuPy as gpubp sees it."""

from __future__ import annotations

from typing import Any

from gpubp.core.backend import Backend, BackendUnavailableError


class CupyBackend(Backend):
    """Arrays on CUDA devices; what ``"auto"`` takes when a device really works."""

    name = "cupy"
    library = "cupy"
    install = "pip install 'gpubp[cuda12]'"
    priority = 100

    @classmethod
    def probe(cls) -> None:
        super().probe()
        import cupy

        try:
            if int(cupy.arange(3).sum()) == 3:
                return
            raise RuntimeError("a sum came out wrong")
        except Exception as error:
            raise BackendUnavailableError(cls.name, str(error), "fix it") from error

    @property
    def array_types(self) -> tuple[type, ...]:
        import cupy

        return (cupy.ndarray,)

    @property
    def xp(self) -> Any:
        import array_api_compat.cupy as xp

        return xp
