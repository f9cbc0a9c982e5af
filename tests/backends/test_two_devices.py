"""What needs a second CUDA device, run in a process of its own where the emulator shows two."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cuda_device

ROOT = Path(__file__).parents[2]
OF_DEVICES = [f"tests/backends/test_{name}.py" for name in ("cupy", "cupy_devices", "devices")]
TRAINING = "tests/train/test_backends.py::test_a_device_that_is_not_current"
PROGRAMS = "tests/programs/test_programs.py"
ON_CUPY = "test_every_library_agrees_with_numpy and cupy"


def run(*arguments, **environment):
    """The end of what pytest prints in a process that sees two devices, if it passes."""
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env=os.environ | environment | {"GPUBP_CUDAEMU_DEVICES": "2"},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout[-4000:]
    return found.stdout.splitlines()[-1]


@pytest.fixture(autouse=True)
def _one_emulated_device():
    if "emulated" not in cuda_device.KIND or cuda_device.MISSING or cuda_device.DEVICES != 1:
        pytest.skip("only where the emulator stands in, and shows one device here")


def test_with_two_devices():
    assert "skipped" not in run(*OF_DEVICES, TRAINING, "-k", "cupy or not_current")


def test_programs_on_the_second_device():
    # Computing on the first, which is current, would warn.
    strict = ("-W", "error:The device where the array resides")
    assert "skipped" not in run(*strict, PROGRAMS, "-k", ON_CUPY, GPUBP_TEST_CUPY_DEVICE="1")
