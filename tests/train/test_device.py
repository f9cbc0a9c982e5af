"""Where a run computes, why, and with how many threads."""

import logging

import numpy as np
import pytest

from gpubp.core import backend as selector
from gpubp.train.device import choose_device
from gpubp.train.threads import fitting_threads


@pytest.fixture
def numpy_only(monkeypatch):
    """auto looks again, and finds that no GPU works."""
    monkeypatch.delenv("GPUBP_BACKEND", raising=False)
    log = logging.getLogger("gpubp")

    def auto():
        log.info("auto takes the backend numpy; not cupy: this machine has no NVIDIA driver")
        return selector.get_backend("numpy")

    monkeypatch.setattr(selector, "_auto", auto)


def test_reason(numpy_only, monkeypatch):
    assert choose_device("auto")[1] == (
        "numpy on cpu (auto; not cupy: this machine has no NVIDIA driver)"
    )
    assert choose_device("numpy")[1] == "numpy on cpu (named by --backend)"
    monkeypatch.setenv("GPUBP_BACKEND", "numpy")
    assert choose_device("auto")[1] == "numpy on cpu (named by GPUBP_BACKEND)"


def test_the_log_is_as_it_was(numpy_only):
    log = logging.getLogger("gpubp")
    before = log.level, list(log.handlers)
    choose_device("auto")
    assert (log.level, log.handlers) == before


@pytest.mark.parametrize(
    ("width", "environment", "expected"), [(100, {}, 1), (2000, {}, 2), (100, "2", 2)]
)
def test_threads_by_size(monkeypatch, width, environment, expected):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if environment:
        monkeypatch.setenv("OMP_NUM_THREADS", environment)

    def threads():
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}

    with threadpoolctl.threadpool_limits(2):
        with fitting_threads([np.zeros((width, width))], 64):
            assert threads() == {expected}
        assert threads() == {2}
