"""A training run: from a configuration to a trained network in a folder, and on from there."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gpubp import data, random
from gpubp.core.backend import Backend
from gpubp.errors import DivergedError, RunError
from gpubp.train import folder as files
from gpubp.train.atomic import write_atomically
from gpubp.train.checkpoint import Checkpoint, pack, read_checkpoint, write_checkpoint
from gpubp.train.config import Config, write_toml
from gpubp.train.device import choose_device
from gpubp.train.interrupt import Interrupt
from gpubp.train.metrics import append_metrics, keep_metrics
from gpubp.train.network import build_network
from gpubp.train.optimizer import build_optimizer, build_schedule
from gpubp.train.progress import Report
from gpubp.train.step import State, make_step, totals
from gpubp.train.task import Task, load_task

RESUMABLE = ("epochs", "backend", "data")
"""The settings that may change when a run goes on; any other would make it another run."""

_EVALUATION_BATCH = 1024


@dataclass
class Run:
    """A run between two updates: ``steps`` of them are made, ``history`` has its epochs' metrics.

    ``device`` says where it computes, and why there.
    """

    config: Config
    task: Task
    backend: Backend
    state: State
    device: str
    steps: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.task.train_x) / self.config.batch_size)

    @property
    def epochs_done(self) -> int:
        return self.steps // self.steps_per_epoch

    def __post_init__(self) -> None:
        steps = self.config.epochs * self.steps_per_epoch
        self.schedule = build_schedule(self.config, steps)
        self.optimizer = build_optimizer(self.config, self.schedule)


def new_run(config: Config) -> Run:
    """Load the data and draw the network; nothing is written yet."""
    task = load_task(config)
    if config.data != "digits":  # the run may be resumed from another folder
        config = replace(config, data=os.path.abspath(config.data))
    backend, device = choose_device(config.backend)
    with backend.on():
        state = _initial_state(config, task, backend)
    return Run(config, task, backend, state, device)


def resume_run(folder: Path, changes: Mapping[str, Any]) -> Run:
    """The run in ``folder`` as its checkpoint has it, with the settings in ``changes`` changed.

    Raises RunError for a folder without a checkpoint, for changes that would make it another run,
    and for data that isn't what the run began with.
    """
    checkpoint = read_checkpoint(folder / files.CHECKPOINT)
    config = replace(stored_config(checkpoint), **changes)
    task = load_task(config)
    if task.fingerprint != checkpoint.fact("fingerprint"):
        raise RunError(f"{config.data}: not the data that {folder} was trained on")
    backend, device = choose_device(config.backend)
    with backend.on():
        blank = _initial_state(config, task, backend)
    state = checkpoint.tree("state", blank, backend)
    steps = int(checkpoint.array("steps"))
    run = Run(config, task, backend, state, device, steps)
    run.history = keep_metrics(folder / files.METRICS, run.epochs_done)
    return run


def stored_config(checkpoint: Checkpoint) -> Config:
    """The configuration that a checkpoint was made with."""
    try:
        return Config(**checkpoint.fact("config"))
    except TypeError as error:
        raise RunError(f"{checkpoint.path}: no usable configuration in it ({error})") from error


def continue_run(run: Run, folder: Path, report: Report, interrupt: Interrupt) -> bool:
    """Train to the last epoch, or until interrupted; the folder is up to date either way.

    Returns whether the last epoch was reached. Raises DivergedError where the loss is no longer
    a number; the folder then holds the epoch before.
    """
    config, task = run.config, run.task
    if run.epochs_done >= config.epochs:
        return True
    step = make_step(run.optimizer, config.label_smoothing)
    report.start(run.epochs_done, config.epochs, run.steps_per_epoch)
    try:
        for epoch in range(run.epochs_done + 1, config.epochs + 1):
            began = time.perf_counter()
            first = run.steps - (epoch - 1) * run.steps_per_epoch
            batches = data.batches(
                task.train_x,
                task.train_y,
                size=config.batch_size,
                seed=config.seed,
                epoch=epoch,
                start=first,
                backend=run.backend,
            )
            look = None  # is shown when it is time for the next: reading it at once would wait
            for done, (x, y) in enumerate(batches, first + 1):
                # Between two updates, so that what is saved is a state that the run passes.
                if interrupt.requested:
                    save_run(run, folder)
                    return False
                with np.errstate(all="ignore"):  # a loss that overflows is reported below
                    run.state = step(run.state, x, y)
                run.steps += 1
                if report.wants():
                    if look is not None:
                        report.batch(epoch, *look())
                    seen = min(done * config.batch_size, len(task.train_x))
                    rate = (done - first) * config.batch_size / (time.perf_counter() - began)
                    look = _look(run.backend, run.state.totals, done, seen, rate)
            metrics = _finish_epoch(run, epoch, first, began)
            append_metrics(folder / files.METRICS, metrics)
            save_run(run, folder)
            report.epoch(metrics)
    finally:
        report.stop()
    return True


def _finish_epoch(run: Run, epoch: int, first: int, began: float) -> dict[str, Any]:
    task = run.task
    loss, accuracy = _read(run.backend, run.state.totals) / len(task.train_x)
    seconds = time.perf_counter() - began
    if not math.isfinite(loss):
        raise DivergedError(
            f"the loss is {loss} in epoch {epoch}; lower --lr ({run.config.lr:g}) or limit the "
            "gradient with --clip-norm (what was learnt before is kept)"
        )
    test_loss, test_accuracy = evaluate(run)
    run.state = replace(run.state, totals=_zeros(run.config, run.backend))
    metrics = {
        "epoch": epoch,
        "steps": run.steps,
        "train_loss": loss,
        "train_accuracy": accuracy,
        "test_loss": test_loss,
        "test_accuracy": test_accuracy,
        "learning_rate": _learning_rate(run),
        "examples_per_second": (len(task.train_x) - first * run.config.batch_size) / seconds,
        "seconds": time.perf_counter() - began,
    }
    run.history.append(metrics)
    return metrics


def evaluate(run: Run) -> tuple[float, float]:
    """Mean loss and share of right answers on the test examples, by the same loss as in training.

    With the same label smoothing, that is, but without dropout: so the two curves compare.
    """
    counted = []
    for x, y in data.batches(
        run.task.test_x, run.task.test_y, size=_EVALUATION_BATCH, backend=run.backend
    ):
        _, of_batch = totals(run.state.model, x, y, None, run.config.label_smoothing)
        counted.append(run.backend.fetch(of_batch))
    sums = np.sum([np.asarray(values(), np.float64) for values in counted], axis=0)
    loss, accuracy = (sums / len(run.task.test_x)).tolist()
    return loss, accuracy


def begin_folder(run: Run, out: str | None) -> Path:
    """A new folder with the configuration and a first checkpoint.

    The network sees the test examples before, so that what can't work leaves no folder behind.
    """
    evaluate(run)
    folder = files.new_folder(out)
    save_config(run, folder)
    save_run(run, folder)
    return folder


def save_config(run: Run, folder: Path) -> None:
    """Write the resolved configuration."""
    write_atomically(folder / files.CONFIG, write_toml(run.config).encode())


def save_run(run: Run, folder: Path) -> None:
    """Write all that the run needs to go on, and all that predictions need.

    The random state is the key in the state; the order of the examples follows from seed and epoch.
    """
    arrays = {
        **pack("state", run.state, run.backend),
        "steps": np.asarray(run.steps),
        "classes": run.task.classes,
        "mean": run.task.standardize.mean,
        "scale": run.task.standardize.scale,
    }
    facts = {
        "config": asdict(run.config),
        "shape": run.task.shape,
        "fingerprint": run.task.fingerprint,
    }
    write_checkpoint(folder / files.CHECKPOINT, arrays, facts)


def _initial_state(config: Config, task: Task, backend: Backend) -> State:
    key = random.key(config.seed, backend=backend)
    network_key, dropout_key = random.split(key, 2)
    model = build_network(config, task.shape, len(task.classes), network_key)
    optimizer = build_optimizer(config, build_schedule(config, 1))
    key = dropout_key if config.dropout else None
    return State(model, optimizer.init(model), key, _zeros(config, backend))


def _zeros(config: Config, backend: Backend) -> Any:
    return backend.asarray([0.0, 0.0], dtype=config.dtype)


def _look(
    backend: Backend, totals: Any, done: int, seen: int, rate: float
) -> Callable[[], tuple[int, float, float, float]]:
    """What a report is told of ``done`` batches, once the device has got there."""
    values = backend.fetch(totals)

    def read() -> tuple[int, float, float, float]:
        loss, right = (np.asarray(values(), np.float64) / seen).tolist()
        return done, loss, right, rate

    return read


def _read(backend: Backend, counted: Any) -> np.ndarray:
    return np.asarray(backend.to_numpy(counted), np.float64)


def _learning_rate(run: Run) -> float:
    """The rate of the update just made."""
    if not callable(run.schedule):
        return run.schedule
    rate = run.schedule(run.backend.asarray(run.steps - 1))
    return float(run.backend.to_numpy(rate))
