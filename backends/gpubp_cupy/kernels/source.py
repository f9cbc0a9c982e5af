"""CUDA sources of several files."""

from __future__ import annotations

import re
from pathlib import Path

_INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)


def read(path: Path) -> str:
    """The source with the files that it includes put in: CuPy's cache of compiled kernels goes by
    the text, and would not see a change in another file."""
    return _INCLUDE.sub(lambda found: read(path.parent / found[1]), path.read_text())
