"""A device's memory exhausted: one error for it, whichever library raised what."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from gpubp import errors
from gpubp.core.namespace import Namespace


def is_exhausted(error: Exception, namespace: Namespace) -> bool:
    """Whether ``error`` says so; if it does, the arrays that its frames hold are let go."""
    if not namespace.backend.is_out_of_memory(error):
        return False
    traceback.clear_frames(error.__traceback__)  # those still running are left alone
    return True


def exhausted(
    name: str, namespace: Namespace, needed: int | None, remedy: str
) -> errors.OutOfDeviceMemoryError:
    """The error of a function that found too little memory on a device."""
    backend, device = namespace.backend, namespace.device
    info = backend.memory_info(device)
    where = f"{backend.name}:{backend.device_name(device)}"
    available = None if info is None else info.free
    return errors.OutOfDeviceMemoryError(name, where, needed, available, remedy)


@contextmanager
def own_errors(name: str, namespace: Namespace) -> Iterator[None]:
    """Raise the library's error where memory is exhausted in a ``with`` block."""
    try:
        yield
    except errors.OutOfDeviceMemoryError:
        raise
    except Exception as error:
        if not is_exhausted(error, namespace):
            raise
    else:
        return
    raise exhausted(name, namespace, None, "free memory, or give a smaller chunk_size")
