"""What every test shares: the libraries, and the account of CuPy's half in the summary."""

from __future__ import annotations

import os

import hypothesis
import pytest

import blas_threads  # noqa: F401  first of all, before anything imports NumPy
import cuda_device  # first: the emulated device must be there before anything imports CuPy
import libraries
import scipy_arrays  # noqa: F401  before anything imports SciPy

hypothesis.settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=30, database=None
)
hypothesis.settings.register_profile("local", deadline=None, max_examples=30)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


@pytest.fixture(params=libraries.NAMES)
def library(request: pytest.FixtureRequest) -> libraries.Library:
    """Each array library in turn; one that can't be had is skipped with the reason, fails in CI."""
    try:
        return libraries.get(request.param)
    except ImportError as error:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(f"{request.param}: {error}")


def pytest_terminal_summary(terminalreporter) -> None:
    if cuda_device.MISSING:
        terminalreporter.line(f"CuPy half SKIPPED: {cuda_device.MISSING}", red=True)
    else:
        terminalreporter.line(
            f"CuPy half ran on {cuda_device.KIND} ({cuda_device.NAME})", green=True
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if cuda_device.MISSING and os.environ.get("CI") == "true" and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
