"""How much host memory this process may still use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["MemoryInfo", "host_memory"]


class MemoryInfo(NamedTuple):
    """A device's memory in bytes: what can still be allocated, and all there is."""

    free: int
    total: int


def host_memory(root: Path = Path("/")) -> MemoryInfo | None:
    """The tightest of what the machine, the control groups and the process limits leave.

    ``root`` is where /proc and /sys are looked for. None on systems that offer no figures.
    """
    limits = [*_machine(root), *_control_groups(root), *_process_limits(root)]
    if not limits:
        return None
    return MemoryInfo(
        free=max(0, min(limit.free for limit in limits)),
        total=min(limit.total for limit in limits),
    )


def _machine(root: Path) -> Iterator[MemoryInfo]:
    try:
        rows = (line.split() for line in (root / "proc/meminfo").read_text().splitlines())
        kib = {row[0]: int(row[1]) for row in rows}
        yield MemoryInfo(kib["MemAvailable:"] * 1024, kib["MemTotal:"] * 1024)
    except (OSError, KeyError, ValueError, IndexError):
        yield from _machine_by_sysconf()


def _machine_by_sysconf() -> Iterator[MemoryInfo]:
    """Systems without /proc; macOS has no count of available pages, so all of them stand in."""
    try:
        page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return
    try:
        available = os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError):
        available = pages
    yield MemoryInfo(available * page, pages * page)


def _control_groups(root: Path) -> Iterator[MemoryInfo]:
    """Every limit from the process's own group up to the root, in versions 2 and 1."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    mount = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            names = ("memory.max", "memory.current", "inactive_file")
            yield from _up_the_groups(mount, path, *names)
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _up_the_groups(mount / "memory", path, *names)


def _up_the_groups(
    mount: Path, path: str, limit_name: str, usage_name: str, cache_name: str
) -> Iterator[MemoryInfo]:
    group = mount / path.strip("/")
    # A container may see the host's path here and only its own group mounted: the loop ends there.
    while group.is_relative_to(mount):
        try:
            limit = int((group / limit_name).read_text())  # "max" where there is no limit
            usage = int((group / usage_name).read_text())
        except (OSError, ValueError):
            pass
        else:
            # The kernel gives cached file pages back when memory runs short.
            yield MemoryInfo(limit - usage + _statistic(group / "memory.stat", cache_name), limit)
        group = group.parent


def _statistic(path: Path, name: str) -> int:
    try:
        rows = dict(line.split() for line in path.read_text().splitlines())
        return int(rows[name])
    except (OSError, ValueError, KeyError):
        return 0


def _process_limits(root: Path) -> Iterator[MemoryInfo]:
    """``ulimit -v`` and ``ulimit -d``, less what the process has already mapped."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    try:
        fields = [int(text) for text in (root / "proc/self/statm").read_text().split()]
        page = os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return
    mapped = {resource.RLIMIT_AS: fields[0] * page, resource.RLIMIT_DATA: fields[5] * page}
    for which, used in mapped.items():
        limit = resource.getrlimit(which)[0]
        if limit != resource.RLIM_INFINITY:
            yield MemoryInfo(limit - used, limit)
