"""The backend protocol, and the look-up of the backend that an array or a name belongs to.

A backend is an array library and what the Array API standard leaves out of it: its devices, its
memory, conversion from and to the host, and kernels that are faster than the rules' own or fill
the library's gaps. Plug-ins are found through the entry-point group ``gpubp.backends``; a
library without one works through :class:`GenericBackend`. No array library is imported here.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import array_api_compat

from gpubp.core.host_memory import MemoryInfo
from gpubp.errors import (
    BackendConflictError,
    BackendUnavailableError,
    NotAnArrayError,
    UnknownBackendError,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "Backend",
    "BackendStatus",
    "GenericBackend",
    "MemoryInfo",
    "available_backends",
    "backend_of",
    "get_backend",
    "use_backend",
]

GROUP = "gpubp.backends"
VARIABLE = "GPUBP_BACKEND"

log = logging.getLogger("gpubp")

ON_CURRENT_DEVICE: set[type] = set()
"""Types of arrays whose own operators compute on a current device instead of the array's.

A plug-in enters its type where there are several devices. Transformations then leave no operator
to the arrays themselves: all goes through primitives, which :meth:`Backend.bind` guards.
"""


class Backend:
    """An array library as gpubp sees it; the base class of plug-ins.

    A plug-in's module must import without its library: everything that needs the library
    belongs in methods, so that listing the backends stays cheap and can say what is missing.
    """

    name: str
    """The name of the plug-in's entry point."""
    library: ClassVar[str]
    """What ``import`` calls the library."""
    install: ClassVar[str]
    """The shell command that installs the library."""
    priority: ClassVar[int] = -1
    """``"auto"`` takes the usable backend with the highest; below zero: only when named."""
    kernels: Mapping[str, Callable[..., Any]] = MappingProxyType({})
    """Faster or gap-filling versions of functions: ``backend.kernels.get(name, reference)``."""

    fuses: ClassVar[bool] = False
    """Whether ``executable`` takes programs with fused kernels."""

    def __init__(self, device: str | None = None) -> None:
        self.device = None if device is None else self.parse_device(device)

    def __repr__(self) -> str:
        device = "" if self.device is None else f":{self.device_name(self.device)}"
        return f"<backend {self.name}{device}>"

    @classmethod
    def probe(cls) -> None:
        """Raise BackendUnavailableError unless the library is there and really computes."""
        if importlib.util.find_spec(cls.library) is None:
            raise BackendUnavailableError(
                cls.name, f"the library {cls.library!r} is not installed", cls.install
            )
        try:
            importlib.import_module(cls.library)
        except Exception as error:
            raise BackendUnavailableError(
                cls.name,
                f"importing {cls.library!r} failed ({type(error).__name__}: {error})",
                f"repair the installation: {cls.install}",
            ) from error

    @property
    def array_types(self) -> tuple[type, ...]:
        """The classes whose instances are this backend's arrays."""
        raise NotImplementedError

    @property
    def xp(self) -> Any:
        """The library's namespace, as array-api-compat completes it to the standard."""
        raise NotImplementedError

    def devices(self) -> tuple[Any, ...]:
        """The library's device objects, the default one first."""
        info = self.xp.__array_namespace_info__()
        default = info.default_device()
        others = [device for device in info.devices() if device not in (None, default)]
        return tuple(others) if default is None else (default, *others)

    def device_name(self, device: Any) -> str:
        """What stands for ``device`` after the colon in ``get_backend("name:device")``."""
        return str(device)

    def parse_device(self, text: str) -> Any:
        """The device that ``text``, the part after the colon, stands for."""
        for device in self.devices():
            if text == self.device_name(device):
                return device
        names = ", ".join(self.device_name(device) for device in self.devices())
        raise BackendUnavailableError(
            self.name, f"it has no device {text!r}", f"name one of its devices: {names}"
        )

    def special(self, name: str) -> Callable[..., Any] | None:
        """The library's own special function of this name in ``scipy.special``, if it has one."""
        return getattr(getattr(self.xp, "special", None), name, None)

    def device_of(self, x: Any) -> Any:
        """The device that ``x`` lies on."""
        return array_api_compat.device(x)

    def dtype(self, dtype: Any) -> Any:
        """This library's dtype for its name ("float32"), or for another library's dtype."""
        if dtype is None:
            return None
        text = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))
        return getattr(self.xp, text.rpartition(".")[2], dtype)

    def on(self, device: Any = None) -> AbstractContextManager[Any]:
        """A context in which the library computes on ``device`` (the default one for None).

        Needed by libraries whose functions allocate on a current device, whatever their
        arguments lie on.
        """
        return nullcontext(self.device if device is None else device)

    def bind(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """What is called in place of ``run``, a function of the library or a kernel, on raw arrays.

        For libraries that compute on a current device: ``run`` on the device of its arguments.
        """
        return run

    def asarray(self, x: Any, dtype: Any = None, device: Any = None) -> Any:
        """``x`` (an array of any library, nested lists, a scalar) as an array of this one."""
        if not isinstance(x, self.array_types):
            x = _to_host(x)
        device = self.device if device is None else device
        return self.xp.asarray(x, dtype=self.dtype(dtype), device=device)

    def to_numpy(self, x: Any) -> Any:
        """The values of ``x`` as an array on the host."""
        info = self.xp.__array_namespace_info__()
        return array_api_compat.to_device(x, info.default_device()).__array__()

    def fetch(self, x: Any) -> Callable[[], Any]:
        """Start to copy ``x`` to the host; what is returned waits for the copy and gives it.

        Whoever reads a number now and then leaves the device at work in between.
        """
        values = self.to_numpy(x)
        return lambda: values

    def native(self, x: Any) -> Any:
        """``x`` as an array, where the library's functions may return something else."""
        return x

    def synchronize(self, device: Any = None) -> None:
        """Wait until the device has done all that was asked of it."""

    def memory_info(self, device: Any = None) -> MemoryInfo | None:
        """The device's memory; None where the library cannot tell."""
        return None

    def release_memory(self, device: Any = None) -> None:
        """Give back what the library holds in reserve on the device: freed blocks, plans."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether ``error``, which the library raised, says that memory is exhausted."""
        return isinstance(error, MemoryError)

    def details(self) -> dict[str, str]:
        """What a user may want to know about the installation, such as the BLAS in use."""
        return {}

    def product_route(self, a: Any, b: Any) -> tuple[str, str]:
        """What computes the product of these (stacks of) matrices, and why that."""
        return "matmul", "the library's own"

    # Compiled programs (gpubp.compiler); by themselves they are plain calls, one by one.

    def writes(self, operation: Any) -> bool:
        """Whether :meth:`executable` computes ``operation`` into buffers that are given to it."""
        return False

    def workspace(self, operation: Any) -> int:
        """Bytes that such an operation needs beside its results while it runs."""
        return 0

    def executable(self, program: Any, memory: Any) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """``program``, laid out as ``memory`` says, as a function from raw arrays to raw arrays."""
        from gpubp.compiler.program import run

        return functools.partial(run, program)

    def array_ufunc(self, xp: Any, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
        """The library's ufunc called on traced arrays, through their namespace ``xp``."""
        return NotImplemented

    def array_function(self, xp: Any, func: Any, args: Any, kwargs: Any) -> Any:
        """The library's function called on traced arrays, through their namespace ``xp``."""
        return NotImplemented

    def method(self, xp: Any, name: str) -> Callable[..., Any] | None:
        """The library's array method ``name`` in terms of ``xp``, or None if it has none."""
        return None


class GenericBackend(Backend):
    """Any library that array-api-compat recognises, without a plug-in of its own."""

    def __init__(self, xp: Any, name: str, device: str | None = None) -> None:
        self._xp = xp
        self.name = name
        super().__init__(device)

    @property
    def xp(self) -> Any:
        return self._xp

    @property
    def array_types(self) -> tuple[type, ...]:
        return (type(self.xp.empty(0)),)

    def device_name(self, device: Any) -> str:
        quoted = str(device).split("'")  # "library.Device('name')"
        return quoted[1] if len(quoted) == 3 else str(device)


@dataclass(frozen=True)
class BackendStatus:
    """What ``available_backends`` found out about one backend."""

    name: str
    usable: bool
    reason: str = ""
    remedy: str = ""
    devices: tuple[str, ...] = ()
    memory: Mapping[str, MemoryInfo] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)


# Look-up by array -------------------------------------------------------------------------------

_by_type: dict[type, Backend] = {}


def backend_of(x: Any) -> Backend:
    """The backend of a raw array.

    Raises :class:`~gpubp.errors.NotAnArrayError` (a TypeError) for anything else.

    >>> import numpy as np
    >>> backend_of(np.ones(3)).name
    'numpy'
    """
    try:
        return _by_type[type(x)]  # this line is on the path of every operation
    except KeyError:
        return _by_type.setdefault(type(x), _find_by_array(x))


def _find_by_array(x: Any) -> Backend:
    for name, cls in _plugin_classes().items():
        # A library that nobody has imported has made no array.
        if cls.library in sys.modules and isinstance(x, _instance(name, None).array_types):
            return _instance(name, None)
    try:
        xp = array_api_compat.array_namespace(x)
    except TypeError:
        kind = f"{type(x).__module__}.{type(x).__qualname__}"
        raise NotAnArrayError(
            f"backend_of: x must be an array of a library that follows the Array API standard, "
            f"given {kind}. Remedy: make one of it with get_backend().asarray(x)"
        ) from None
    return _generic(xp, None)


# Look-up by name --------------------------------------------------------------------------------


@functools.cache
def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # a fifth of what importing gpubp would take

    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        first = found.setdefault(entry.name, entry)
        if (first.value, _distribution(first)) != (entry.value, _distribution(entry)):
            raise BackendConflictError(
                f"the backend name {entry.name!r} is claimed by two distributions: "
                f"{_distribution(first)} ({first.value}) and "
                f"{_distribution(entry)} ({entry.value}). Remedy: uninstall one of them"
            )
    return found


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"


def _load(entry: EntryPoint) -> type[Backend]:
    try:
        return entry.load()
    except Exception as error:
        raise BackendUnavailableError(
            entry.name,
            f"its plug-in {entry.value} does not load ({type(error).__name__}: {error})",
            f"repair or uninstall the distribution {_distribution(entry)!r}",
        ) from error


@functools.cache
def _plugin_classes() -> dict[str, type[Backend]]:
    """The plug-ins that load; a broken one must not break the others, but is not hidden."""
    classes = {}
    for name, entry in _entry_points().items():
        try:
            classes[name] = _load(entry)
        except BackendUnavailableError as error:
            log.warning("%s", error)
    return classes


@functools.cache
def _instance(name: str, device: str | None) -> Backend:
    return _load(_entry_points()[name])(device)


@functools.cache
def _generic(xp: Any, device: str | None) -> Backend:
    return GenericBackend(xp, xp.__name__.removeprefix("array_api_compat."), device)


@functools.cache
def _named(name: str, device: str | None) -> Backend:
    """The backend of that name; a failure is not cached, so a repaired one is found again."""
    if name in _entry_points():
        _load(_entry_points()[name]).probe()
        return _instance(name, device)
    try:
        module = importlib.import_module(name)
        xp = array_api_compat.array_namespace(module.asarray(0.0))
    except (ImportError, ValueError, AttributeError, TypeError) as error:
        raise _unknown(name) from error
    return _generic(xp, device)


def _unknown(name: str) -> UnknownBackendError:
    import difflib

    known = ", ".join(_entry_points()) or "none, because gpubp is not installed as a distribution"
    close = difflib.get_close_matches(name, _entry_points(), n=1)
    guess = f"; did you mean {close[0]!r}?" if close else "."
    return UnknownBackendError(
        f"there is no backend {name!r}{guess} Backends with a plug-in: {known}. "
        f"Remedy: name one of these; or install a library that follows the Array API standard "
        f"and give its import name; or install a plug-in that has an entry point {name!r} "
        f"in the group {GROUP!r}"
    )


@functools.cache
def _auto() -> Backend:
    """The usable plug-in of highest priority; says once which, and what it passed over."""
    passed_over = []
    candidates = [(cls.priority, name) for name, cls in _plugin_classes().items()]
    for priority, name in sorted(candidates, reverse=True):
        if priority < 0:
            continue
        try:
            backend = _named(name, None)
        except BackendUnavailableError as error:
            passed_over.append(f"{name}: {error.reason}")
            continue
        log.info("auto takes the backend %s", "; not ".join([name, *passed_over]))
        return backend
    raise BackendUnavailableError(
        "auto",
        f"no plug-in is usable ({'; '.join(passed_over) or 'none is installed'})",
        "install gpubp as a distribution: pip install gpubp, or pip install -e . in its source",
    )


_chosen: ContextVar[Backend | None] = ContextVar("gpubp_backend", default=None)


def get_backend(spec: Backend | str = "auto") -> Backend:
    """The backend that ``spec`` names: ``"auto"``, ``"numpy"``, ``"cupy:1"``, ``"torch:cuda:0"``.

    What stands after the first colon is the default device of the arrays it makes. ``"auto"``
    is what ``use_backend`` set, else the environment variable ``GPUBP_BACKEND``, else the best
    plug-in whose device really works; it says which at INFO to the logger ``gpubp``. The import
    name of any other library that follows the Array API standard works too.

    Raises :class:`~gpubp.errors.BackendUnavailableError` (a RuntimeError) when the backend
    named cannot run here, and :class:`~gpubp.errors.UnknownBackendError` (a ValueError) when
    there is none of that name; it never falls back in silence.

    >>> get_backend("numpy").asarray([1.0, 2.0])
    array([1., 2.])
    """
    chosen = _chosen.get() if spec == "auto" else None
    return chosen or _resolve(spec)


def _resolve(spec: Backend | str) -> Backend:
    """``get_backend`` without what ``use_backend`` set."""
    if isinstance(spec, Backend):
        return spec
    if not isinstance(spec, str):
        raise UnknownBackendError(
            f"get_backend: spec must be a name such as 'numpy' or a Backend, given "
            f"{type(spec).__name__}. Remedy: backend_of(x) gives the backend of an array"
        )
    if spec == "auto":
        spec = os.environ.get(VARIABLE, "").strip() or "auto"
    if spec == "auto":
        return _auto()
    name, _, device = spec.partition(":")
    return _named(name, device or None)


class use_backend:
    """Make ``spec`` what ``"auto"`` means, from now on or for a ``with`` block.

    The choice holds in the current context (``contextvars``): a new thread starts without it.

    >>> with use_backend("numpy") as backend:
    ...     get_backend() is backend
    True
    """

    def __init__(self, spec: Backend | str) -> None:
        self.backend = _resolve(spec)  # before it is set: a failure must change nothing
        self._token: Token[Backend | None] = _chosen.set(self.backend)

    def __enter__(self) -> Backend:
        return self.backend

    def __exit__(self, *exc_info: object) -> None:
        _chosen.reset(self._token)


def available_backends() -> dict[str, BackendStatus]:
    """The status of every plug-in by name: usable or why not, the remedy, devices, memory.

    >>> available_backends()["numpy"].usable
    True
    """
    return {name: _status(name) for name in _entry_points()}


def _status(name: str) -> BackendStatus:
    try:
        backend = _named(name, None)
        devices = backend.devices()
        memory = {backend.device_name(device): backend.memory_info(device) for device in devices}
        details = backend.details()
    except BackendUnavailableError as error:
        return BackendStatus(name, False, error.reason, error.remedy)
    return BackendStatus(
        name,
        True,
        devices=tuple(memory),
        memory={device: info for device, info in memory.items() if info is not None},
        details=details,
    )


def _to_host(x: Any) -> Any:
    """``x`` itself unless it is another library's array: then its values on the host."""
    try:
        backend = backend_of(x)
    except NotAnArrayError:
        return x
    return backend.to_numpy(x)
