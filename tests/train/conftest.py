"""A small data set that a small network learns in a second, and the command line around it."""

import numpy as np
import pytest

from gpubp.cli import main

SMALL = ["--hidden", "16", "--batch-size", "16", "--backend", "numpy"]


@pytest.fixture
def blobs(tmp_path, monkeypatch):
    """blobs.npz in the current folder: three well separated classes, called 2, 5 and 7."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.repeat([2, 5, 7], 30)
    x = rng.normal(size=(90, 4)) + 4 * np.eye(3, 4)[np.repeat([0, 1, 2], 30)]
    np.savez(tmp_path / "blobs.npz", x=x, y=y)
    return tmp_path


@pytest.fixture
def gpubp(capsys):
    """Runs the command line in this process: exit status, stdout, stderr."""

    def run(*arguments):
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def train(gpubp):
    """``gpubp train`` on the small data with a small network; fails unless it ends well."""

    def run(*arguments):
        status, out, err = gpubp("train", "--data", "blobs.npz", *SMALL, *arguments)
        assert (status, err) == (0, "")
        return out

    return run
