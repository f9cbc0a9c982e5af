"""``gpubp check``: whether a backend's functions can be trusted on this machine."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from gpubp.core.backend import Backend, available_backends, get_backend
from gpubp.errors import UnsupportedFunctionError
from gpubp.testing.accuracy import Accuracy, accuracies, names

DTYPES = ("float32", "float64")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which functions, on which backends, in which dtypes."""
    parser.add_argument(
        "function", nargs="*", metavar="FUNCTION", help="as exp, linalg.inv: or all"
    )
    parser.add_argument(
        "--backend",
        action="append",
        metavar="NAME",
        help="numpy, cupy, cupy:1, ...; may be given again (default: every usable one)",
    )
    parser.add_argument(
        "--dtype",
        action="append",
        choices=("float16", *DTYPES),
        help="may be given again (default: float32 and float64)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the table; the exit status is 1 if a function fails."""
    _check_names(arguments.function)
    usable = [name for name, status in available_backends().items() if status.usable]
    backends = [get_backend(spec) for spec in arguments.backend or usable]
    dtypes = tuple(arguments.dtype or DTYPES)
    console = Console()
    columns = {
        (label(backend), dtype): {
            found.function: found
            for found in track(
                accuracies(backend, dtype, arguments.function, emulated(backend)),
                f"{label(backend)}, {dtype}",
                total=len(arguments.function or names()),
                console=console,
                transient=True,
                disable=not console.is_terminal,
            )
        }
        for backend in backends
        for dtype in dtypes
    }
    console.print(table(columns))
    failures = [
        (where, dtype, found)
        for (where, dtype), column in columns.items()
        for found in column.values()
        if not found.passed
    ]
    for where, dtype, found in failures:
        text = f"{where}, {dtype}: {found.function} fails. {reason(found)}"
        console.print(Text(text), soft_wrap=True)
    for backend in backends:
        where = label(backend)
        tried = [found.tried for dtype in dtypes for found in columns[where, dtype].values()]
        failed = sum(where == place for place, _, _ in failures)
        verdict = f"{failed} of {sum(tried)} FAIL" if failed else f"all {sum(tried)} pass"
        left = tried.count(False)
        text = f"{where} ({describe(backend)}): {verdict}" + (f", {left} left out" if left else "")
        console.print(Text(text, "red" if failed else "green"), soft_wrap=True)
    return 1 if failures else 0


def _check_names(given: Sequence[str]) -> None:
    known = names()
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UnsupportedFunctionError(f"there is no function {name!r} to check{hint}")


def label(backend: Backend) -> str:
    """The backend, and its device if one was named."""
    return repr(backend).removeprefix("<backend ").removesuffix(">")


def describe(backend: Backend) -> str:
    """Version and device, in words."""
    details = backend.details()
    device = backend.devices()[0] if backend.device is None else backend.device
    name = backend.device_name(device)
    return ", ".join(
        [details.get("version", ""), details.get(f"device {name}") or details.get(name) or name]
    )


def emulated(backend: Backend) -> bool:
    """Whether the device is software, which cannot run all that a real one can."""
    return "emulator" in describe(backend)


def table(columns: dict[tuple[str, str], dict[str, Accuracy]]) -> Table:
    """A function on each row; the worst error of its values and, after the slash, of its JVP."""
    grid = Table("function", title="Largest error in ulps: values / derivatives")
    for where, dtype in columns:
        grid.add_column(f"{where}\n{dtype}", justify="right")
    for function in next(iter(columns.values())):
        grid.add_row(function, *(_cell(column[function]) for column in columns.values()))
    return grid


def _cell(found: Accuracy) -> Text:
    if not found.tried:
        return Text("-", "dim")
    if found.problem:
        return Text("raises", "red")
    return Text(f"{found.value:.3g} / {found.derivative:.3g}", "" if found.passed else "bold red")


def reason(found: Accuracy) -> str:
    """Why a function fails."""
    return found.problem or f"off by {found.value:.3g} ulps, derivative by {found.derivative:.3g}"
