"""SciPy's own functions, called on traced arrays under SCIPY_ARRAY_API=1, are ours."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("library", ["numpy", "strict", "torch"])
def test_every_dispatched_function_differentiates(library: str) -> None:
    program = Path(__file__).with_name("scipy_dispatch.py")
    run = subprocess.run(
        [sys.executable, str(program), library], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert not run.stdout, run.stdout
