"""NumPy as gpubp sees it."""

from __future__ import annotations

from typing import Any

from gpubp.core.backend import Backend


class NumpyBackend(Backend):
    """Arrays in host memory; always there, and what ``"auto"`` takes without a GPU."""

    name = "numpy"
    library = "numpy"
    install = "pip install numpy"
    priority = 0

    @property
    def array_types(self) -> tuple[type, ...]:
        import numpy as np

        return (np.ndarray, np.generic)

    @property
    def xp(self) -> Any:
        import array_api_compat.numpy as xp

        return xp

    def to_numpy(self, x: Any) -> Any:
        return self.native(x)

    def native(self, x: Any) -> Any:
        """``x``, with a NumPy scalar made an array of shape ()."""
        import numpy as np

        return x if type(x) is np.ndarray else np.asarray(x)
