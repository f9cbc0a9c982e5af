"""The library's own errors; each is also the standard class that a user would catch."""


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
