"""Try everything on this machine's CUDA device, and write a report in Markdown.

    python ci/gpu_report.py [--out gpu-report.md] [--only info check] [--tests tests/backends]

`bash ci/gpu` installs what it needs and calls it. Each step is a process of its own: one that
crashes the device is reported as failed, and the others run all the same. The exit status is 1 if a
step failed. On an emulated device (`python -m cudaemu run python ci/gpu_report.py`) the report says
so, and gives no times.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gpubp.check import describe, emulated
from gpubp.core.backend import get_backend
from gpubp.errors import BackendUnavailableError

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("gpubp", "cupy-cuda12x", "cupy-cuda13x", "numpy", "scipy", "torch", "jax", "jaxlib")
LIMIT = 2 * 3600  # seconds for a step


@dataclass(frozen=True)
class Step:
    """A command whose output goes into the report: as text, unless it is Markdown already."""

    name: str
    title: str
    command: Sequence[str]
    markdown: bool = False

    @property
    def spelled(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.command).replace(sys.executable, "python")


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    step: Step
    status: int
    seconds: float
    output: str


def steps(tests: Sequence[str], emulation: bool) -> list[Step]:
    """Everything there is to try."""
    python = sys.executable
    bench = ["--small", "--no-times"] if emulation else []
    suite = [python, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-n", "4"]
    return [
        Step("info", "Environment", [python, "-m", "gpubp", "info"]),
        Step("cupy", "CuPy's view of it", [python, "-c", "import cupy; cupy.show_config()"]),
        Step("check", "Accuracy", [python, "-m", "gpubp", "check", "--backend", "cupy"]),
        Step("tests", "Tests", [*suite, *tests]),
        Step("bench", "Benchmarks", [python, "ci/bench_gpu.py", *bench], True),
    ]


def run(step: Step) -> Outcome:
    """Run a step to its end, whatever that is."""
    print(f"{step.title}: {step.spelled}", flush=True)
    began = time.perf_counter()
    try:
        done = subprocess.run(
            step.command,
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if not step.markdown else None,
            text=True,
            timeout=LIMIT,
        )
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        kept = error.stdout or b""
        output = kept.decode(errors="replace") if isinstance(kept, bytes) else kept
        status, output = -1, f"{output}\nstopped after {LIMIT} s"
    return Outcome(step, status, time.perf_counter() - began, output)


def report(device: str, emulation: bool, outcomes: Sequence[Outcome]) -> str:
    """The whole report."""
    lines = [f"# gpubp with CuPy {device}", ""]
    if emulation:
        lines += [
            "**This device is emulated by the CPU: it shows that the commands work and the numbers "
            "agree, and nothing about speed. No times are given.**",
            "",
        ]
    lines += [*machine(), "", "| step | outcome |" + " seconds |" * (not emulation)]
    lines += ["| --- | --- |" + " --- |" * (not emulation)]
    for outcome in outcomes:
        verdict = "passed" if not outcome.status else f"**FAILED** (exit status {outcome.status})"
        last = outcome.output.strip().rpartition("\n")[2]
        note = f": {last}" if outcome.step.name in ("check", "tests") else ""
        seconds = "" if emulation else f" {outcome.seconds:.0f} |"
        lines.append(f"| {outcome.step.title} | {verdict}{note} |{seconds}")
    for outcome in outcomes:
        fence = [] if outcome.step.markdown and not outcome.status else ["```"]
        lines += ["", f"## {outcome.step.title}", "", f"`{outcome.step.spelled}`", ""]
        lines += [*fence, outcome.output.rstrip(), *fence]
    text = "\n".join(lines) + "\n"
    return re.sub(r" in \d+\.\d+s( \(.*?\))?", "", text) if emulation else text  # pytest's


def machine() -> list[str]:
    """Software and hardware, an item each."""
    found = [f"- {datetime.now(UTC):%Y-%m-%d}, {platform.platform()}, {_processor()}"]
    found.append(f"- Python {platform.python_version()}, {', '.join(_packages())}")
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    found.append(f"- revision {revision.stdout.strip() or 'unknown'}")
    return found


def _packages() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "gpu-report.md")
    parser.add_argument("--only", nargs="+", metavar="STEP", help="info, cupy, check, tests, bench")
    parser.add_argument("--tests", nargs="+", default=[], metavar="ARGUMENT", help="for pytest")
    options = parser.parse_args(arguments)
    try:
        backend = get_backend("cupy")
    except BackendUnavailableError as error:
        print(f"gpu_report: {error}", file=sys.stderr)
        return 2
    everything = steps(options.tests, emulated(backend))
    outcomes: list[Outcome] = []
    for step in everything:
        if not options.only or step.name in options.only:
            outcomes.append(run(step))
            # After every step: a machine that dies leaves what it had found.
            options.out.write_text(report(describe(backend), emulated(backend), outcomes))
    print(f"\nthe report is in {options.out}")
    return 1 if any(outcome.status for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
