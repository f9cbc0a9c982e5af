"""Programs on NumPy: straight-line Python whose every call writes into a buffer made beforehand."""

from gpubp_numpy.compiled.executable import Executable
from gpubp_numpy.compiled.needs import workspace, writes

__all__ = ["Executable", "workspace", "writes"]
