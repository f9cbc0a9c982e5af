"""The library's own errors; each is also the standard class that a user would catch."""

from __future__ import annotations

import sys
from types import FrameType


class GpubpError(Exception):
    """Base class of every error that this library raises on purpose."""


class BackendUnavailableError(GpubpError, RuntimeError):
    """A backend was asked for by name and cannot run here; ``reason`` and ``remedy`` say why.

    >>> print(BackendUnavailableError("tpu", "there is no device", "plug one in"))
    backend 'tpu' cannot be used: there is no device. Remedy: plug one in
    """

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(name, reason, remedy)
        self.name, self.reason, self.remedy = name, reason, remedy

    def __str__(self) -> str:
        return f"backend {self.name!r} cannot be used: {self.reason}. Remedy: {self.remedy}"


class UnknownBackendError(GpubpError, ValueError):
    """No plug-in and no installed library goes by the name that was asked for."""


class BackendConflictError(GpubpError, RuntimeError):
    """Two installed distributions claim one backend's name."""


class NotAnArrayError(GpubpError, TypeError):
    """Something that is not an array of any known library stands where an array must."""


class ConversionError(GpubpError, TypeError):
    """A traced array was to leave the trace, as by ``float(x)`` or ``np.asarray(x)``."""


class UnknownValueError(GpubpError, TypeError):
    """Code asked for the value of an array that has none here: batched, or being recorded."""


class LeakedArrayError(GpubpError, RuntimeError):
    """A traced array was used after its transformation had ended."""


class AliasedWriteError(GpubpError, ValueError):
    """A write that could not reach every array that shares the memory."""


class ArgumentError(GpubpError, ValueError):
    """An argument's value is wrong."""


class AxisError(ArgumentError, IndexError):
    """An array has no such axis; the standard has IndexError for it, NumPy both."""


class ShapeError(ArgumentError):
    """An array's shape does not fit; the message names the argument and the shapes."""


class ArgumentTypeError(GpubpError, TypeError):
    """An argument's type is wrong."""


class FrozenModuleError(GpubpError, AttributeError):
    """A module was changed after its ``__init__``."""


class ModuleFieldError(GpubpError, AttributeError):
    """A module's ``__init__`` set a field that the class doesn't declare, or left one unset."""


class DifferentiationError(GpubpError, TypeError):
    """A derivative was asked for where there is none."""


class ExampleMixingError(GpubpError, ValueError):
    """A layer whose result for one example depends on the others stands where each is alone."""


class UnsupportedFunctionError(GpubpError, TypeError, AttributeError):
    """A function that has no rule here."""


class LawError(GpubpError, AssertionError):
    """A derivative or a backend breaks a law that gpubp.testing checks."""


class DataError(GpubpError, ValueError):
    """Examples or labels that can't be used; the message names the file and the field."""


class MissingPackageError(GpubpError, ImportError):
    """An optional package is needed here; the message says how to install it."""


class ConfigError(GpubpError, ValueError):
    """A setting that can't be used; the message names the file (or flag) and the key."""


class RunError(GpubpError, ValueError):
    """A run folder or checkpoint that can't be used; the message names the file."""


class OutOfDeviceMemoryError(GpubpError, MemoryError):
    """A device has too little memory; ``needed`` and ``available`` are bytes, None if not known.

    >>> print(OutOfDeviceMemoryError("vmap", "cuda:0", 3_000_000, 2_000_000, "pass chunk_size"))
    vmap: 3.0 MB are needed on cuda:0, 2.0 MB are available. Remedy: pass chunk_size
    """

    def __init__(
        self,
        function: str,
        device: object,
        needed: int | None,
        available: int | None,
        remedy: str,
    ) -> None:
        super().__init__(function, device, needed, available, remedy)
        self.function, self.device, self.remedy = function, device, remedy
        self.needed, self.available = needed, available

    def __str__(self) -> str:
        have = "" if self.available is None else f", {_size(self.available)} are available"
        more = "more memory is" if self.needed is None else f"{_size(self.needed)} are"
        return f"{self.function}: {more} needed on {self.device}{have}. Remedy: {self.remedy}"


class DivergedError(GpubpError, ArithmeticError):
    """Training produced a loss that is no longer a number."""


def _size(count: int) -> str:
    """A number of bytes as people read it.

    >>> _size(999), _size(2_500_000)
    ('999 bytes', '2.5 MB')
    """
    power = min((len(str(count)) - 1) // 3, 4)
    return f"{count} bytes" if not power else f"{count / 1000**power:.1f} {'kMGT'[power - 1]}B"


def user_line() -> str:
    """The user's own line, and after it that of an installed library which the call went through.

    This library and its peers in array plumbing are passed over.
    """
    library = ""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        root = module.split(".")[0]
        line = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if not (root.startswith("gpubp") or root in ("array_api_compat", "optree", "contextlib")):
            if "-packages" not in frame.f_code.co_filename:  # site-packages, dist-packages
                return f"{line}, inside {library}" if library else line
            library = library or f"{module} (line {frame.f_lineno})"
        frame = frame.f_back
    return library or "<unknown line>"
