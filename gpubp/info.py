"""``gpubp info``: the backends, what they have, and which one ``auto`` takes."""

from __future__ import annotations

import argparse
import os

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gpubp.core.backend import VARIABLE, BackendStatus, available_backends, get_backend
from gpubp.core.host_memory import MemoryInfo
from gpubp.errors import GpubpError

GIB = 2**30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None: the command takes no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Print the table; the exit status is 1 if no backend can be used by default."""
    console = Console()
    console.print(table(available_backends()))
    try:
        chosen = get_backend()
    except GpubpError as error:
        console.print(Text(f"auto: {error}"))
        return 1
    variable = os.environ.get(VARIABLE, "").strip()
    why = f", named by the environment variable {VARIABLE}" if variable else ""
    device = chosen.device if chosen.device is not None else chosen.devices()[0]
    console.print(Text(f"auto takes {chosen.name} on device {chosen.device_name(device)}{why}"))
    return 0


def table(backends: dict[str, BackendStatus]) -> Table:
    """The statuses as a table, usable backends first."""
    grid = Table("backend", "usable", "device", "free memory", "details", title="gpubp backends")
    for status in sorted(backends.values(), key=lambda status: not status.usable):
        if status.usable:
            grid.add_row(
                Text(status.name),
                Text("yes", "green"),
                Text("\n".join(status.devices)),
                Text("\n".join(_free(status.memory.get(device)) for device in status.devices)),
                Text("\n".join(f"{name}: {value}" for name, value in status.details.items())),
            )
        else:
            why = Text(f"{status.reason}\nremedy: {status.remedy}")
            grid.add_row(Text(status.name), Text("no", "red"), "", "", why)
    return grid


def _free(memory: MemoryInfo | None) -> str:
    if memory is None:
        return "unknown"
    return f"{memory.free / GIB:.1f} of {memory.total / GIB:.1f} GiB"
