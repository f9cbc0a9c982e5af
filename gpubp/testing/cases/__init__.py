"""The rows: every function of the standard, once, with the calls that all laws try.

One module per section, one for each extension, and one for windows, which layers slide.

They are drawn as host arrays, by NumPy on every machine: what a backend is given, and what its
results are compared with, must not be its own. With :mod:`gpubp.testing.accuracy`, whose reference
is NumPy's wider types, they are a host format beside ``data`` and ``train``.
"""

from gpubp.testing.cases import (
    array_object,
    creation,
    data_types,
    elementwise,
    fft,
    fused,
    indexing,
    linalg,
    linear_algebra,
    manipulation,
    searching,
    special,
    statistical,
    windows,
)
from gpubp.testing.cases.row import Case, Row

SECTIONS = (
    creation,
    data_types,
    elementwise,
    indexing,
    linear_algebra,
    manipulation,
    searching,
    statistical,
    linalg,
    fft,
    fused,
    special,
    windows,
    array_object,
)
ROWS: tuple[Row, ...] = tuple(row for section in SECTIONS for row in section.ROWS)
CASES: tuple[Case, ...] = tuple(case for row in ROWS for case in row.cases)

__all__ = ["CASES", "ROWS", "Case", "Row"]
