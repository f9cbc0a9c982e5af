"""What NumPy, PyTorch and JAX read of the environment when they are loaded."""

from __future__ import annotations

import os
import sys

# Set on some machines, these two select kernels that are slow on other processors.
OVERRIDES = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def settle(threads: int | None = None) -> None:
    """Start this program again without the overrides, and with so many threads for everybody."""
    wanted = {} if threads is None else dict.fromkeys(THREADS, str(threads))
    if threads == 1:
        wanted["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    settled = all(os.environ.get(name) == value for name, value in wanted.items())
    if settled and not OVERRIDES & os.environ.keys():
        return
    kept = {name: value for name, value in os.environ.items() if name not in OVERRIDES}
    os.execve(sys.executable, [sys.executable, *sys.argv], {**kept, **wanted})
