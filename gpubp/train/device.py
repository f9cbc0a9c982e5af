"""Where a run computes, and the reason in words."""

from __future__ import annotations

import logging
import os

from gpubp.core.backend import VARIABLE, Backend, get_backend


class _Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def choose_device(spec: str) -> tuple[Backend, str]:
    """The backend that ``spec`` names, and a line that says which device that is and why.

    >>> choose_device("numpy")[1]
    'numpy on cpu (named by --backend)'
    """
    # The selector tells the log why it passed a backend over; that is the reason to show.
    log, messages = logging.getLogger("gpubp"), _Messages()
    level = log.level
    log.addHandler(messages)
    log.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        backend = get_backend(spec)
    finally:
        log.setLevel(level)
        log.removeHandler(messages)
    variable = os.environ.get(VARIABLE, "").strip()
    if spec != "auto":
        reason = "named by --backend"
    elif variable and variable != "auto":
        reason = f"named by {VARIABLE}"
    else:
        # "auto takes the backend numpy; not cupy: ...": the backend is named beside it already.
        known = f"auto takes the backend {backend.name}"
        reason = "auto" + "".join(text.removeprefix(known) for text in messages.texts)
    device = backend.device_name(
        backend.device if backend.device is not None else backend.devices()[0]
    )
    details = backend.details()
    product = details.get(f"device {device}") or details.get(device, "")
    return backend, f"{backend.name} on {device}{product and f': {product}'} ({reason})"
