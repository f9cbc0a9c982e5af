"""``gpubp train`` as its user meets it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from gpubp.train import load_trained, run
from gpubp.train.config import Config, read_toml
from gpubp.train.progress import Report

COMMAND = [sys.executable, "-c", "import sys; from gpubp.cli import main; sys.exit(main())"]


def test_defaults_reach_97_percent(tmp_path):
    done = subprocess.run([*COMMAND, "train"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(os.listdir(tmp_path / "runs/001")) == {
        "config.toml",
        "metrics.jsonl",
        "checkpoint.safetensors",
        "curves.png",
    }
    history = without_times(tmp_path / "runs/001")
    assert [line["epoch"] for line in history] == list(range(1, 21))
    assert history[-1]["test_accuracy"] >= 0.97
    accuracy = float(re.search(r"test accuracy (\d+\.\d)% \(\d+ of 359\), test", done.stdout)[1])
    assert accuracy == pytest.approx(100 * history[-1]["test_accuracy"], abs=0.05)
    assert "1,438 examples to train and 359 to test, 10 classes" in done.stdout
    assert re.search(r"^device    \w+ on \S+ \(.+\)$", done.stdout, re.MULTILINE)


def test_what_is_written(blobs, train):
    out = train("--epochs", "3", "--optimizer", "sgd", "--lr", "0.1")
    assert "blobs.npz: 72 examples to train and 18 to test, 3 classes" in out
    assert "device    numpy on cpu (named by --backend)" in out
    folder = Path("runs/001")
    config = Config(**read_toml(folder / "config.toml"))
    assert (config.lr, config.optimizer, config.epochs) == (0.1, "sgd", 3)
    assert config.data == str(blobs / "blobs.npz")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["steps"]) for line in lines] == [(1, 5), (2, 10), (3, 15)]
    assert all(line["learning_rate"] == 0.1 for line in lines)
    assert all(line["examples_per_second"] > 0 for line in lines)
    arrays = load_file(folder / "checkpoint.safetensors")
    assert arrays["state.model.layers[0].weight"].shape == (16, 4)
    assert arrays["state.model.layers[0].weight"].dtype == np.float32
    assert arrays["classes"].tolist() == [2, 5, 7]
    assert arrays["mean"].shape == (4,)
    assert (folder / "curves.png").stat().st_size > 10_000


def test_the_same_seed_gives_the_same_run(blobs, train):
    for _ in range(2):
        train("--epochs", "2", "--dropout", "0.2")
    assert "runs/003" in train("--epochs", "2", "--dropout", "0.2", "--seed", "1")
    first, second, third = (load_file(f"runs/00{n}/checkpoint.safetensors") for n in (1, 2, 3))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["state.model.layers[0].weight"],
                              third["state.model.layers[0].weight"])  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        ["--optimizer", "momentum", "--schedule", "cosine"],
        ["--optimizer", "nesterov", "--schedule", "linear", "--weight-decay", "0.001"],
        [
            "--optimizer",
            "adam",
            "--schedule",
            "exponential",
            "--activation",
            "gelu",
            "--lr",
            "0.03",
        ],
        ["--optimizer", "rmsprop", "--clip-norm", "1", "--activation", "tanh"],
        ["--dtype", "float64", "--hidden", "", "--label-smoothing", "0", "--lr", "0.05"],
        ["--hidden", "16,16", "--dropout", "0.1"],
    ],
)
def test_choices_learn(blobs, train, settings):
    train("--epochs", "15", "--out", "run", *settings)
    last = json.loads(Path("run/metrics.jsonl").read_text().splitlines()[-1])
    assert last["test_accuracy"] > 0.9
    decayed = "cosine" in settings or "linear" in settings
    config = Config(**read_toml("run/config.toml"))
    assert (last["learning_rate"] < 0.05 * config.lr) == (decayed or "exponential" in settings)


def test_cnn_on_images(blobs, gpubp):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 2, 5, 3)).astype(np.float32)
    x[y == 1, 0, 1] += 3  # a bright row in the first channel
    np.savez("images.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    status, out, err = gpubp(
        "train", "--data", "images.npz", "--model", "cnn", "--channels", "4,8", "--hidden", "8",
        "--epochs", "15", "--batch-size", "8", "--lr", "0.01", "--out", "run",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "network   cnn 2x5x3-4c-8c-8-2, " in out
    assert "40 examples to train and 20 to test" in out
    last = json.loads(Path("run/metrics.jsonl").read_text().splitlines()[-1])
    assert last["test_accuracy"] > 0.9
    assert gpubp("predict", "run", "images.npz")[1].startswith("20 predictions in run/predictions")


def test_flags_go_before_toml_before_defaults(blobs, train):
    Path("c.toml").write_text("epochs = 2\nlr = 0.5\nhidden = [8]\n")
    train("--config", "c.toml", "--lr", "0.25")
    config = Config(**read_toml("runs/001/config.toml"))
    assert (config.epochs, config.lr, config.hidden, config.seed) == (2, 0.25, (16,), 0)


def snapshot():
    return {path: path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "missing.npz"], "missing.npz: no such file or folder"),
        (["--data", "nan.npz"], "nan.npz: array 'x'[3, 1] is nan: 1 of 360 values are not finite; "
         "remove those examples or fill the values in"),
        (["--data", "huge.npz"], "huge.npz: array 'x' holds numbers too large for float32; scale "
         "them down"),
        (["--data", "one.npz"], "one.npz: array 'y' holds the single class 1; a classifier needs "
         "two"),
        (["--data", "unlabelled.npz"], "unlabelled.npz: no labels for array 'x'"),
        (["--data", "pair.npz"], "pair.npz: array 'y_test' has class 9, which array 'y_train' "
         "lacks"),
        (["--data", "shapes.npz"], "shapes.npz: array 'x_test' has examples of shape (3,), but "
         "array 'x_train' of shape (4,)"),
        (["--data", "blobs.npz", "--model", "cnn"], "blobs.npz: array 'x' holds 4 numbers per "
         "example, but cnn needs images; store them with shape (examples, height, width), or use "
         "--model mlp"),
        (["--config", "c.toml"], "c.toml: unknown key 'batchsize'; did you mean 'batch_size'?"),
        (["--lr", "high"], "--lr: expected a number above 0, got 'high'"),
        (["--data", "blobs.npz", "--out", "taken"], "taken: already exists and is never "
         "overwritten; name a new folder with --out, or go on with --resume"),
        (["--resume", "taken"], "taken/checkpoint.safetensors: no such file; is taken the folder "
         "of a run?"),
        (["--resume", "taken", "--out", "x"], "--out: not with --resume, which brings its own"),
        (["--resume", "taken", "--lr", "1"], "--lr: only --epochs, --backend and --data may change "
         "on --resume"),
        (["--resume", "broken"], "broken/checkpoint.safetensors: can't be read as safetensors ("),
        (["--unknown", "1"], "there is no argument '--unknown'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(blobs, gpubp, arguments, message):
    archive = np.load("blobs.npz")
    x, y = archive["x"], archive["y"]
    np.savez("unlabelled.npz", x=x)
    np.savez("one.npz", x=x, y=np.ones_like(y))
    np.savez("pair.npz", x_train=x, y_train=y, x_test=x[:2], y_test=[2, 9])
    np.savez("shapes.npz", x_train=x, y_train=y, x_test=x[:2, :3], y_test=y[:2])
    np.savez("huge.npz", x=x * 1e305, y=y)
    x[3, 1] = np.nan
    np.savez("nan.npz", x=x, y=y)
    Path("c.toml").write_text("batchsize = 3\n")
    Path("taken").mkdir()
    Path("broken").mkdir()
    Path("broken/checkpoint.safetensors").write_bytes(b"\xff" * 100)
    before = snapshot()
    status, out, err = gpubp("train", "--backend", "numpy", *arguments)
    assert status == 2
    assert err.startswith("gpubp")
    assert err.split(": ", 1)[1].startswith(message)
    assert err.count("\n") == 1
    assert out == ""
    assert snapshot() == before
    assert not Path("runs").exists()


def test_backend_that_is_not_there(blobs, gpubp):
    status, _, err = gpubp("train", "--data", "blobs.npz", "--backend", "nunpy")
    assert status == 2
    assert "'nunpy'" in err
    assert err.count("\n") == 1
    assert not Path("runs").exists()


def test_divergence_keeps_the_last_good_epoch(blobs, gpubp):
    status, _, err = gpubp(
        "train", "--data", "blobs.npz", "--optimizer", "sgd", "--lr", "1e30", "--epochs", "3"
    )
    assert status == 1
    assert re.fullmatch(
        r"gpubp train: the loss is (nan|inf) in epoch 1; lower --lr \(1e\+30\) or limit the "
        r"gradient with --clip-norm \(what was learnt before is kept\)\n",
        err,
    )
    assert int(load_file("runs/001/checkpoint.safetensors")["steps"]) == 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (MemoryError("9 GiB"), "not enough memory (9 GiB); lower --batch-size or take a smaller "
         "network"),
        (OSError(28, "No space left on device", "run/x"), "[Errno 28] No space left on device: "
         "'run/x'"),
    ],
)  # fmt: skip
def test_what_no_check_foresees(blobs, gpubp, monkeypatch, fault, message):
    def fail(*arguments):
        raise fault

    monkeypatch.setattr(run, "append_metrics", fail)
    status, _, err = gpubp("train", "--data", "blobs.npz", "--out", "run")
    assert (status, err) == (1, f"gpubp train: {message}\n")
    assert int(load_file("run/checkpoint.safetensors")["steps"]) == 0


@pytest.fixture
def stop_after(monkeypatch):
    """Sends this process a signal when so many batches are done."""

    def arrange(batches, number=signal.SIGINT):
        seen = iter(range(1, batches + 1))

        def wants(report):
            if next(seen, None) == batches:
                signal.raise_signal(number)
            return False

        monkeypatch.setattr(Report, "wants", wants)

    return arrange


def without_times(path):
    lines = [json.loads(line) for line in Path(path, "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["seconds"], line["examples_per_second"]
    return lines


# 5 batches an epoch: within the first epoch, at the end of one, within a later one.
@pytest.mark.parametrize("batches", [1, 5, 13])
def test_resumed_run_equals_an_uninterrupted_one(blobs, train, gpubp, stop_after, batches):
    settings = ["--epochs", "4", "--dropout", "0.3", "--schedule", "cosine"]
    train("--out", "whole", *settings)
    stop_after(batches)
    status, out, err = gpubp(
        "train", "--data", "blobs.npz", "--hidden", "16", "--batch-size", "16", "--out", "parts",
        "--backend", "numpy", *settings,
    )  # fmt: skip
    assert (status, err) == (130, "")
    # The last batch of an epoch is followed by its test, then by the next look at the signal.
    assert int(load_file("parts/checkpoint.safetensors")["steps"]) == batches
    done = {1: "0 epochs and 1 batch", 5: "1 epoch", 13: "2 epochs and 3 batches"}[batches]
    assert f"interrupted after {done}; all of it is in parts/checkpoint.safetensors\n" in out
    assert "go on with: gpubp train --resume parts" in out
    os.chdir("..")
    status, _, err = gpubp("train", "--resume", blobs / "parts")
    assert (status, err) == (0, "")
    whole, parts = (load_file(blobs / n / "checkpoint.safetensors") for n in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name], strict=True)
    assert without_times(blobs / "whole") == without_times(blobs / "parts")


def test_resume_with_more_epochs(blobs, train, gpubp):
    train("--epochs", "4", "--out", "whole")
    train("--epochs", "2", "--out", "parts")
    assert gpubp("train", "--resume", "parts", "--epochs", "4")[0] == 0
    assert Path("parts/config.toml").read_text() == Path("whole/config.toml").read_text()
    whole, parts = (load_file(f"{name}/checkpoint.safetensors") for name in ("whole", "parts"))
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
    status, out, _ = gpubp("train", "--resume", "parts")
    assert (status, "test accuracy" in out) == (0, True)
    assert "nothing to do: 4 epochs of training are done; raise --epochs to go on" in out
    assert without_times("whole") == without_times("parts")


def test_resume_on_other_data(blobs, train, gpubp):
    train("--epochs", "1", "--out", "run")
    before = snapshot()
    archive = np.load("blobs.npz")
    np.savez("other.npz", x=archive["x"] + 1, y=archive["y"])
    status, _, err = gpubp("train", "--resume", "run", "--data", "other.npz", "--epochs", "2")
    assert (status, err) == (
        2,
        "gpubp train: other.npz: not the data that run was trained on\n",
    )
    Path("other.npz").unlink()
    assert snapshot() == before
    Path("blobs.npz").rename("moved.npz")
    assert gpubp("train", "--resume", "run", "--data", "moved.npz", "--epochs", "2")[0] == 0


def test_killed_between_metrics_and_checkpoint(blobs, train, gpubp, monkeypatch):
    train("--epochs", "3", "--out", "whole")
    save = run.save_run

    def fail(training, folder):
        if training.epochs_done == 2:
            raise KeyboardInterrupt
        save(training, folder)

    with monkeypatch.context() as patch:
        patch.setattr(run, "save_run", fail)
        status, _, err = gpubp(
            "train", "--data", "blobs.npz", "--hidden", "16", "--batch-size", "16",
            "--backend", "numpy", "--epochs", "3", "--out", "parts",
        )  # fmt: skip
    assert (status, err) == (130, "gpubp train: interrupted\n")
    assert len(without_times("parts")) == 2  # one more than the checkpoint knows
    assert gpubp("train", "--resume", "parts")[0] == 0
    assert without_times("whole") == without_times("parts")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_from_outside(blobs, number):
    process = subprocess.Popen(
        [*COMMAND, "train", "--data", "blobs.npz", "--epochs", "100000", "--out", "run"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    metrics = Path("run/metrics.jsonl")
    while not (metrics.exists() and metrics.stat().st_size) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert re.search(
        r"interrupted after \d+ epochs?( and \d batch(es)?)?; all of it is in run/", out
    )
    trained = load_trained("run")
    assert trained.classes.tolist() == [2, 5, 7]
    assert not list(Path("run").glob(".*"))


def test_without_matplotlib(blobs, train, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    out = train("--epochs", "1", "--out", "run")
    assert "curves.png was not written: it needs matplotlib (pip install matplotlib)" in out
    assert out.splitlines()[-1] == "run: config.toml, metrics.jsonl, checkpoint.safetensors"


def test_without_scikit_learn(blobs, gpubp, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    status, _, err = gpubp("train")
    assert status == 2
    assert err == (
        "gpubp train: digits: the data set comes with scikit-learn, which is not installed: "
        "pip install scikit-learn, or give your own file with --data\n"
    )
    assert not Path("runs").exists()


def test_progress_bar_on_a_terminal(blobs):
    pty = pytest.importorskip("pty")
    main_end, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "train", "--data", "blobs.npz", "--epochs", "20"],
        stdout=terminal, stderr=terminal, env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    )  # fmt: skip
    os.close(terminal)
    text = b""
    try:
        while chunk := os.read(main_end, 4096):
            text += chunk
    except OSError:  # Linux reports the end of a terminal so
        pass
    assert process.wait() == 0
    assert re.search(rb"epoch \d+/20 .*loss \d\.\d{3}  accuracy .*% .* examples/s", text)


def test_curves_get_every_epoch(blobs, train, gpubp, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "gpubp.train.command.write_curves", lambda path, history, title: drawn.append(history)
    )
    train("--epochs", "2", "--out", "run")
    gpubp("train", "--resume", "run", "--epochs", "3")
    assert [[line["epoch"] for line in history] for history in drawn] == [[1, 2], [1, 2, 3]]
