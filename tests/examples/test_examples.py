"""The examples are the documentation: every one runs as a user would run it, and must succeed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("[!_]*.py"))


def test_there_are_examples():
    assert SCRIPTS, f"no scripts in {EXAMPLES}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example(script, tmp_path):
    # In a folder of its own: an example that writes a file would otherwise leave it in the project.
    run = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | {"GPUBP_BACKEND": "numpy"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, f"{script.name} failed:\n{run.stdout[-1000:]}\n{run.stderr}"
    assert run.stdout.strip(), f"{script.name} printed nothing"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example_says_what_it_shows(script):
    first = script.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""'), f"{script.name}: its first line is its idea, in one sentence"
    assert first.endswith('."""'), f"{script.name}: its first line is its idea, in one sentence"
