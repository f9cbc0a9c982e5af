"""``gpubp predict``: the same answers as in training, with labels or without them."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from gpubp import data
from gpubp.train import load_trained


@pytest.fixture
def trained(blobs, train):
    train("--epochs", "12", "--out", "run")
    return blobs


def read(path):
    lines = Path(path).read_text().splitlines()
    assert lines[0] == "label,probability"
    table = np.array([line.split(",") for line in lines[1:]], dtype=float)
    return table[:, 0].astype(int), table[:, 1]


def test_with_labels_and_without(trained, gpubp):
    archive = np.load("blobs.npz")
    x, y = archive["x"], archive["y"]
    status, out, err = gpubp("predict", "run", "blobs.npz")
    assert (status, err) == (0, "")
    label, probability = read("run/predictions.csv")
    right = int((label == y).sum())
    assert right >= 85
    assert out == (
        f"90 predictions in run/predictions.csv; {right / 90:.1%} ({right}) agree with the labels"
        "; most of these examples were trained on\n"
    )
    assert ((probability > 1 / 3) & (probability <= 1)).all()

    np.savez("bare.npz", x=x)
    assert gpubp("predict", "run", "bare.npz")[1] == "90 predictions in run/predictions-2.csv\n"
    np.savetxt("bare.csv", x, delimiter=",", header="a,b,c,d", comments="")
    np.savetxt("labelled.csv", np.column_stack([x, y]), delimiter=",")
    for name in ("bare.csv", "labelled.csv"):
        assert gpubp("predict", "run", name, "--out", f"of-{name}")[0] == 0
        np.testing.assert_array_equal(read(f"of-{name}")[0], label)
    assert gpubp("predict", "run", "bare.npz", "--out", "p.npz")[0] == 0
    saved = np.load("p.npz")
    np.testing.assert_array_equal(saved["label"], label)
    np.testing.assert_allclose(saved["probability"], probability, rtol=1e-5)


def test_probabilities_are_the_networks(trained):
    run = load_trained("run")
    examples, _ = data.load("blobs.npz")
    predictions = run.predict(examples)
    w1, b1, w2, b2 = (
        getattr(run.model[i], name).astype(float) for i in (0, 2) for name in ("weight", "bias")
    )
    z = run.standardize(examples.x)
    logits = np.maximum(z @ w1.T + b1, 0) @ w2.T + b2
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_array_equal(predictions.label, run.classes[shares.argmax(1)])
    np.testing.assert_allclose(predictions.probability, shares.max(1), rtol=1e-4)


def test_idx_folder_and_flat_rows_for_an_image_network(blobs, gpubp):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = rng.integers(0, 50, (40, 3, 2), np.uint8)
    x[y == 1, 0] += 150

    def idx(array):
        sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
        return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.astype("u1").tobytes())

    Path("mnist").mkdir()
    Path("mnist/train-images-idx3-ubyte.gz").write_bytes(idx(x[:30]))
    Path("mnist/train-labels-idx1-ubyte.gz").write_bytes(idx(y[:30]))
    Path("mnist/t10k-images-idx3-ubyte.gz").write_bytes(idx(x[30:]))
    Path("mnist/t10k-labels-idx1-ubyte.gz").write_bytes(idx(y[30:]))
    arguments = ("--hidden", "8", "--batch-size", "8", "--epochs", "15", "--out", "run")
    assert gpubp("train", "--data", "mnist", *arguments)[0] == 0
    _, out, _ = gpubp("predict", "run", "mnist")
    assert out == "10 predictions in run/predictions.csv; 100.0% (10) agree with the labels\n"
    np.savetxt("flat.csv", x[30:].reshape(10, -1), delimiter=",")
    assert gpubp("predict", "run", "flat.csv", "--out", "flat-predictions.csv")[0] == 0
    np.testing.assert_array_equal(read("flat-predictions.csv")[0], y[30:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "blobs.npz"], "nowhere/checkpoint.safetensors: no such file; is nowhere the "
         "folder of a run?"),
        (["run", "missing.npz"], "missing.npz: no such file or folder"),
        (["run", "narrow.npz"], "narrow.npz: array 'x' has examples of shape (3,), but the network "
         "was trained on shape (4,)"),
        (["run", "classes.npz"], "classes.npz: array 'y' has class 4, which the model lacks"),
        (["run", "nan.csv"], "nan.csv: line 1, column 3: expected a finite number, got 'nan'"),
        (["run", "blobs.npz", "--out", "blobs.npz"], "--out: blobs.npz already exists and is never "
         "overwritten"),
        (["run", "blobs.npz", "--out", "p.txt"], "--out: expected a name that ends in .csv or "
         ".npz, got 'p.txt'"),
        (["run", "blobs.npz", "--out", "no/p.csv"], "--out: there is no folder no"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(trained, gpubp, arguments, message):
    archive = np.load("blobs.npz")
    np.savez("narrow.npz", x=archive["x"][:, :3])
    np.savez("classes.npz", x=archive["x"][:1], y=[4])
    Path("nan.csv").write_text("1,2,3,nan\n")
    before = sorted(Path().rglob("*"))
    status, out, err = gpubp("predict", *arguments)
    assert (status, out, err) == (2, "", f"gpubp predict: {message}\n")
    assert sorted(Path().rglob("*")) == before
