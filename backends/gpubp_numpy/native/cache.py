"""Object code on disk, so that a segment is compiled once per machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path

_VERSION = 2  # of the files' form
_CHECK = 32  # bytes of a digest before the code
_MOST = 1000  # entries; those not written for the longest time go first


def folder() -> Path:
    """GPUBP_CACHE_DIR, or the platform's folder for caches."""
    named = os.environ.get("GPUBP_CACHE_DIR")
    if named:
        return Path(named) / "native"
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "gpubp" / "native"


def key(text: str, compiler: str) -> str:
    """Name of the entry for a module's text and what compiles it."""
    return hashlib.sha256(f"{_VERSION}\n{compiler}\n{text}".encode()).hexdigest()


def load(name: str) -> bytes | None:
    """An entry; ``None`` if there is none, or a damaged one."""
    try:
        found = (folder() / name).read_bytes()
    except OSError:
        return None
    check, code = found[:_CHECK], found[_CHECK:]
    return code if hashlib.sha256(code).digest() == check else None


def store(name: str, code: bytes) -> None:
    """Write an entry at once; a disk that refuses only costs the next process its time."""
    with contextlib.suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder())
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(hashlib.sha256(code).digest() + code)
            os.replace(temporary, folder() / name)
            _prune()
        except OSError:
            os.unlink(temporary)
            raise


def _prune() -> None:
    entries = list(folder().iterdir())
    if len(entries) > _MOST:
        entries.sort(key=lambda path: path.stat().st_mtime)
        for path in entries[: _MOST // 4]:
            path.unlink(missing_ok=True)
