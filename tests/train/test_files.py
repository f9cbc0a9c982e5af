"""What a run leaves on the disk: never a half file, never another run's folder."""

import os
import re

import pytest

from gpubp.errors import MissingPackageError, RunError
from gpubp.train import curves, metrics
from gpubp.train.atomic import write_atomically
from gpubp.train.folder import new_folder


def test_atomic_write(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch, step, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_folders_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [str(new_folder()) for _ in range(2)] == ["runs/001", "runs/002"]
    assert str(new_folder("a/b")) == "a/b"
    with pytest.raises(RunError, match=r"^a/b: already exists and is never overwritten; name "):
        new_folder("a/b")


def test_folder_that_can_not_be_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match=r"^runs: "):
        new_folder()
    with pytest.raises(RunError, match=r"^runs/x: the folder can't be made \(Not a directory\)"):
        new_folder("runs/x")


HISTORY = [
    {"epoch": epoch, "train_loss": 1 / epoch, "test_loss": 1.1 / epoch,
     "train_accuracy": 1 - 0.5 / epoch, "test_accuracy": 1 - 0.6 / epoch}
    for epoch in (1, 2, 3)
]  # fmt: skip


def test_metrics(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert metrics.keep_metrics(path, 3) == []
    for line in HISTORY:
        metrics.append_metrics(path, line)
    assert metrics.keep_metrics(path, 3) == HISTORY
    with path.open("a") as file:
        file.write('{"epoch": 4')  # killed in the middle of a line
    before = path.read_bytes()
    with pytest.raises(RunError, match=re.escape(f"{path}: line 4 is not JSON")):
        metrics.keep_metrics(path, 4)
    assert path.read_bytes() == before
    assert metrics.keep_metrics(path, 2) == HISTORY[:2]
    assert len(path.read_text().splitlines()) == 2
    for content, fault in ((b"\xff\n", "not JSON"), (b"3\n", "not an epoch's metrics")):
        path.write_bytes(content)
        with pytest.raises(RunError, match=re.escape(f"{path}: line 1 is {fault}")):
            metrics.keep_metrics(path, 1)


@pytest.mark.parametrize("epochs", [1, 3])
def test_curves_are_a_png(tmp_path, epochs):
    path = tmp_path / "curves.png"
    curves.write_curves(path, HISTORY[:epochs], "runs/001")
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
    assert (width, height) == (1350, 570)


def test_curves_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    message = "curves.png was not written: it needs matplotlib (pip install matplotlib)"
    with pytest.raises(MissingPackageError, match=re.escape(message)):
        curves.write_curves(tmp_path / "curves.png", HISTORY, "runs/001")
