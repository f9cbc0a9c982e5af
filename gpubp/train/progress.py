"""What a user sees while a run goes on."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_INTERVAL = 0.1  # seconds between looks at the device


class Report:
    """A progress bar on a terminal, and one line an epoch elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._look_at = 0.0
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            expand=True,
            disable=not console.is_terminal,
        )

    def start(self, epoch: int, epochs: int, batches: int) -> None:
        """Training begins after ``epoch`` of ``epochs`` epochs of ``batches`` batches each."""
        self._epochs, self._batches = epochs, batches
        self._task = self._bar.add_task(
            "", total=epochs * batches, completed=epoch * batches, epoch="", numbers=""
        )
        self._bar.start()

    def wants(self) -> bool:
        """Whether it is time for new numbers; then not again for a while."""
        if not self._console.is_terminal or time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + _INTERVAL
        return True

    def batch(self, epoch: int, done: int, loss: float, accuracy: float, rate: float) -> None:
        """``done`` batches of the epoch are done, ``rate`` examples per second."""
        self._bar.update(
            self._task,
            completed=(epoch - 1) * self._batches + done,
            epoch=f"{epoch}/{self._epochs}",
            numbers=f"loss {loss:.3f}  accuracy {accuracy:.1%}  {rate:,.0f} examples/s",
        )

    def epoch(self, metrics: dict[str, Any]) -> None:
        """An epoch is done; ``metrics`` is its line in metrics.jsonl."""
        if self._console.is_terminal:
            self.batch(
                metrics["epoch"],
                self._batches,
                metrics["train_loss"],
                metrics["train_accuracy"],
                metrics["examples_per_second"],
            )
        else:
            width = len(str(self._epochs))
            self._console.print(
                f"epoch {metrics['epoch']:{width}}/{self._epochs}"
                f"  loss {metrics['train_loss']:.3f}  accuracy {metrics['train_accuracy']:.1%}"
                f"  test loss {metrics['test_loss']:.3f}"
                f"  test accuracy {metrics['test_accuracy']:.1%}"
                f"  {metrics['examples_per_second']:,.0f} examples/s",
                soft_wrap=True,
                highlight=False,
            )

    def stop(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()
