"""Keys on each array library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gpubp.random
import libraries
from gpubp.core.backend import backend_of


@pytest.fixture
def make_key(library: libraries.Library) -> Callable[[int], Any]:
    """``gpubp.random.key`` on the library and device under test."""
    backend = backend_of(library.xp.zeros(1, device=library.device))
    return lambda seed: gpubp.random.key(seed, backend, library.device)
