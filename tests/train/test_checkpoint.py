"""Checkpoints: what comes back is what went in, and damage is reported, never loaded."""

import os
import re

import numpy as np
import pytest
from safetensors.numpy import save_file

from gpubp.core.backend import get_backend
from gpubp.errors import RunError
from gpubp.train.checkpoint import pack, read_checkpoint, write_checkpoint

TREE = {"a": (np.arange(6.0).reshape(2, 3).T, None), "b": [np.float32([1.5]), np.asarray(3)]}


@pytest.fixture
def backend():
    return get_backend("numpy")


@pytest.fixture
def path(tmp_path, backend):
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, pack("tree", TREE, backend), {"shape": (2, 3), "name": "\u00e9"})
    return path


def test_round_trip(path, backend):
    checkpoint = read_checkpoint(path)
    assert checkpoint.facts == {"shape": [2, 3], "name": "\u00e9"}
    back = checkpoint.tree("tree", TREE, backend)
    np.testing.assert_array_equal(back["a"][0], TREE["a"][0])  # a view, not in C order
    assert back["a"][1] is None
    np.testing.assert_array_equal(back["b"][0], TREE["b"][0], strict=True)
    assert back["b"][1].shape == ()


def test_what_is_not_there(path):
    checkpoint = read_checkpoint(path)
    with pytest.raises(RunError, match=r"c\.safetensors: no array 'steps'"):
        checkpoint.array("steps")
    with pytest.raises(RunError, match=r"c\.safetensors: nothing about 'config' in its metadata"):
        checkpoint.fact("config")


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ({"a": TREE["a"]}, "unexpected array 'tree['b'][0]'"),
        ({**TREE, "c": np.zeros(1)}, "no array 'tree['c']'"),
        (
            {**TREE, "a": (np.zeros((3, 3)), None)},
            "'tree['a'][0]' is float64 of shape (3, 2), not float64 of shape (3, 3)",
        ),
        (
            {**TREE, "b": [np.float64([1.5]), np.asarray(3)]},
            "'tree['b'][0]' is float32 of shape (1,), not float64 of shape (1,)",
        ),
    ],
)
def test_trees_that_do_not_fit(path, backend, like, message):
    with pytest.raises(RunError, match=re.escape(f"{path}: {message}")):
        read_checkpoint(path).tree("tree", like, backend)


def test_damage(path):
    content = path.read_bytes()
    path.write_bytes(content[:-8])
    with pytest.raises(RunError, match=r"c\.safetensors: can't be read as safetensors"):
        read_checkpoint(path)
    save_file({"x": np.zeros(1)}, path)
    with pytest.raises(RunError, match=r"c\.safetensors: not a checkpoint of gpubp train"):
        read_checkpoint(path)
    save_file({"x": np.zeros(1)}, path, metadata={"format": "gpubp-run-1", "shape": "["})
    with pytest.raises(RunError, match=r"c\.safetensors: damaged metadata"):
        read_checkpoint(path)


def test_failed_write_keeps_the_old_checkpoint(path, backend, monkeypatch):
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(path, {"x": np.zeros(3)}, {})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
