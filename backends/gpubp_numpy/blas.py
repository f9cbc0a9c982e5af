"""Which BLAS NumPy's matrix products run on."""

from __future__ import annotations

import numpy as np


def blas_in_use() -> str:
    """The library that is loaded, with its threads, if threadpoolctl is there to ask it.

    Otherwise the one that NumPy was built with.
    """
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return _built_with()
    for library in threadpool_info():
        # Other packages bring a BLAS of their own; NumPy's wheel keeps its in numpy.libs.
        if library["user_api"] == "blas" and "numpy" in library["filepath"]:
            kind = f"{library['internal_api']} {library['version']}"
            return f"{kind}, {library['num_threads']} threads, {library.get('architecture', '')}"
    return _built_with()


def _built_with() -> str:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas.get('version', '')}".strip()
