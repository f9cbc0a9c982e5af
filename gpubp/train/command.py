"""``gpubp train``: learn to classify, from the command line."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from gpubp import nn
from gpubp.errors import ConfigError, DivergedError, MissingPackageError
from gpubp.train import config as settings
from gpubp.train import folder as files
from gpubp.train.config import Config
from gpubp.train.curves import write_curves
from gpubp.train.interrupt import Interrupt
from gpubp.train.network import describe_network
from gpubp.train.progress import Report
from gpubp.train.run import (
    RESUMABLE,
    Run,
    begin_folder,
    continue_run,
    new_run,
    resume_run,
    save_config,
)
from gpubp.train.threads import fitting_threads

INTERRUPTED = 130  # what a shell reports of a command that SIGINT ended


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gpubp train``."""
    parser.add_argument("--config", metavar="FILE", help="settings in TOML; flags overrule them")
    parser.add_argument("--out", metavar="FOLDER", help="a new folder (default: runs/001, ...)")
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help=f"go on with the run in this folder; only {_flags(RESUMABLE)} may differ",
    )
    settings.add_flags(parser.add_argument_group("settings, in TOML as in batch_size = 64"))


def run(arguments: argparse.Namespace) -> int:
    """Train; 0 at the end of the last epoch, 1 on the way there, 130 when interrupted.

    1 is for what no check can foresee: a loss that diverges, memory or a disk that is full. The
    run's folder then holds the last epoch before.
    """
    try:
        return _train(arguments)
    except DivergedError as error:
        message = str(error)
    except MemoryError as error:
        message = f"not enough memory ({error}); lower --batch-size or take a smaller network"
    except OSError as error:
        message = str(error)
    print(f"gpubp train: {message}", file=sys.stderr)
    return 1


def _train(arguments: argparse.Namespace) -> int:
    # No markup: a path may well hold [brackets]. No line breaks where nobody looks: in a log they
    # would be in the way.
    console = Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())
    began = time.perf_counter()
    resumed = arguments.resume is not None
    changes = _changes(arguments) if resumed else {}
    training = (
        resume_run(Path(arguments.resume), changes) if resumed else new_run(_config(arguments))
    )
    with training.backend.on(), Interrupt() as interrupt:
        folder = Path(arguments.resume) if resumed else begin_folder(training, arguments.out)
        if changes:
            save_config(training, folder)
        _introduce(console, training, folder)
        if training.epochs_done >= training.config.epochs:
            done = _count(training.epochs_done, "epoch")
            console.print(f"nothing to do: {done} of training are done; raise --epochs to go on")
        with fitting_threads(training.state.model, training.config.batch_size):
            finished = continue_run(training, folder, Report(console), interrupt)
        if not finished:
            _say_interrupted(console, training, folder)
        _draw_curves(console, training, folder)
    if not finished:
        return INTERRUPTED
    _conclude(console, training, folder, time.perf_counter() - began)
    return 0


def _config(arguments: argparse.Namespace) -> Config:
    """Flags before the TOML file before the defaults."""
    given = settings.read_toml(arguments.config) if arguments.config else {}
    return Config(**(given | settings.from_flags(arguments)))


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    for name in ("config", "out"):
        if getattr(arguments, name) is not None:
            raise ConfigError(f"--{name}: not with --resume, which brings its own")
    changes = settings.from_flags(arguments)
    for name in changes:
        if name not in RESUMABLE:
            raise ConfigError(
                f"{settings.flag(name)}: only {_flags(RESUMABLE)} may change on --resume"
            )
    return changes


def _flags(names: tuple[str, ...]) -> str:
    flags = [settings.flag(name) for name in names]
    return f"{', '.join(flags[:-1])} and {flags[-1]}"


def _introduce(console: Console, training: Run, folder: Path) -> None:
    config, task = training.config, training.task
    network = describe_network(config, task.shape, len(task.classes))
    parameters = nn.count_parameters(training.state.model)
    for name, text in (
        (
            "data",
            f"{config.data}: {len(task.train_x):,} examples to train and {len(task.test_x):,} to "
            f"test, {len(task.classes)} classes",
        ),
        ("network", f"{network}, {parameters:,} parameters"),
        ("training", f"{config.optimizer}, lr {config.lr:g}, batches of {config.batch_size}"),
        ("device", training.device),
        ("run", str(folder)),
    ):
        console.print(Text.assemble((f"{name:10}", "bold"), text))


def _say_interrupted(console: Console, training: Run, folder: Path) -> None:
    batches = training.steps - training.epochs_done * training.steps_per_epoch
    done = _count(training.epochs_done, "epoch")
    if batches:
        done += f" and {_count(batches, 'batch', 'batches')}"
    console.print(
        f"interrupted after {done}; all of it is in {folder / files.CHECKPOINT}\n"
        f"go on with: gpubp train --resume {shlex.quote(str(folder))}"
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _draw_curves(console: Console, training: Run, folder: Path) -> None:
    if not training.history:
        return
    task = training.task
    network = describe_network(training.config, task.shape, len(task.classes))
    config = training.config
    title = f"{folder}: {Path(config.data).name}, {network}, {config.optimizer}"
    if config.label_smoothing:  # else a loss that stays far from zero would look like a fault
        title += f", label smoothing {config.label_smoothing:g}"
    try:
        write_curves(folder / files.CURVES, training.history, title)
    except MissingPackageError as error:
        console.print(str(error))


def _conclude(console: Console, training: Run, folder: Path, seconds: float) -> None:
    if training.history:
        last, count = training.history[-1], len(training.task.test_x)
        accuracy = f"test accuracy {last['test_accuracy']:.1%}"
        rest = (
            f" ({round(last['test_accuracy'] * count):,} of {count:,}), "
            f"test loss {last['test_loss']:.3f}, {_count(last['epoch'], 'epoch')}, {seconds:.1f} s"
        )
        console.print(Text.assemble((accuracy, "bold"), rest))
    written = [name for name in files.ALL if (folder / name).exists()]
    console.print(f"{folder}: {', '.join(written)}")
