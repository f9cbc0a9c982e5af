"""The same run on every backend that training is for, and each one's checkpoint good for all."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import libraries


def metrics(folder):
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    lines = [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text().splitlines()]
    return [[line[name] for name in names] for line in lines]


@pytest.mark.parametrize("backend", ["torch", "cupy"])
def test_the_same_numbers_as_numpy(blobs, train, gpubp, backend):
    try:
        libraries.get(backend)
    except ImportError as error:
        pytest.skip(f"{backend}: {error}")
    settings = ["--epochs", "2", "--dropout", "0.2", "--schedule", "cosine", "--dtype", "float64"]
    train("--out", "expected", *settings)
    out = train("--out", "run", "--backend", backend, *settings)
    assert f"device    {backend} on " in out
    np.testing.assert_allclose(metrics("run"), metrics("expected"), rtol=1e-9)
    expected, found = (load_file(f"{name}/checkpoint.safetensors") for name in ("expected", "run"))
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=1e-9)
    status, _, err = gpubp("train", "--resume", "run", "--backend", "numpy", "--epochs", "3")
    assert (status, err) == (0, "")
    status, out, err = gpubp("predict", "run", "blobs.npz", "--backend", backend)
    assert (status, err) == (0, "")


def test_a_device_that_is_not_current(blobs, train, gpubp):
    try:
        cupy = libraries.get("cupy").xp
    except ImportError as error:
        pytest.skip(f"cupy: {error}")
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one device")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The device where the array resides")
        out = train("--out", "run", "--backend", "cupy:1", "--epochs", "2", "--dropout", "0.2")
        assert "device    cupy on 1" in out
        assert gpubp("predict", "run", "blobs.npz", "--backend", "cupy:1")[0] == 0
    assert cupy.cuda.runtime.getDevice() == 0
