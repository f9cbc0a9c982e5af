"""``ci/gpu_report.py``: the report that a stranger with a GPU sends."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cuda_device
from backends.plugins import plugin

ROOT = Path(__file__).parents[1]


@pytest.fixture
def gpu_report():
    plugin("cupy")
    spec = importlib.util.spec_from_file_location("gpu_report", ROOT / "ci" / "gpu_report.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_report"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules["gpu_report"]


def python(name, code, markdown=False):
    return lambda module: module.Step(name, name.title(), [sys.executable, "-c", code], markdown)


def test_a_step_that_fails_is_reported_and_the_next_one_runs(gpu_report, monkeypatch, tmp_path):
    made = [
        python("tests", "print('1 passed in 3.21s (0:00:03)')")(gpu_report),
        python("check", "import os; print('half way', flush=True); os.abort()")(gpu_report),
        python("bench", "print('| a | b |')", markdown=True)(gpu_report),
    ]
    monkeypatch.setattr(gpu_report, "steps", lambda tests, emulation: made)
    out = tmp_path / "report.md"
    assert gpu_report.main(["--out", str(out)]) == 1
    text = out.read_text()
    assert text.startswith("# gpubp with CuPy ")
    assert "| Tests | passed: 1 passed" in text
    assert "| Check | **FAILED** (exit status -6): half way |" in text
    assert "## Bench\n\n`python -c " in text
    assert "\n\n| a | b |\n" in text
    assert sys.executable not in text
    if "emulated" in cuda_device.KIND:
        assert "This device is emulated" in text
        assert "3.21" not in text
        assert "seconds" not in text


def test_the_steps_are_commands_that_exist(gpu_report):
    for step in gpu_report.steps([], emulation=True):
        module = step.command[2] if step.command[1] == "-m" else ""
        assert not module or importlib.util.find_spec(module)
        assert all((ROOT / part).exists() for part in step.command if part.endswith(".py"))
    assert gpu_report.main(["--only", "nothing", "--out", os.devnull]) == 0


def test_without_a_device_it_says_why(gpu_report, monkeypatch, capsys):
    def unavailable(spec):
        raise gpu_report.BackendUnavailableError("cupy", "there is no device", "plug one in")

    monkeypatch.setattr(gpu_report, "get_backend", unavailable)
    assert gpu_report.main([]) == 2
    assert "there is no device. Remedy: plug one in" in capsys.readouterr().err


def test_the_command_asks_for_a_gpu(tmp_path):
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "dirname", "grep"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    found = subprocess.run(
        ["bash", str(ROOT / "ci" / "gpu")],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2
    assert found.stderr.startswith("ci/gpu: nvidia-smi finds no GPU; install the driver")
