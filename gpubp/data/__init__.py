"""Examples and labels from files, checked, split, standardised and served in batches.

Everything here is a NumPy array on the host until ``batches`` hands it to a backend.
"""

from gpubp.data.batches import batches
from gpubp.data.dataset import Dataset
from gpubp.data.digits import load_digits
from gpubp.data.load import load
from gpubp.data.split import check_pair, encode, split
from gpubp.data.standardize import Standardizer

__all__ = [
    "Dataset",
    "Standardizer",
    "batches",
    "check_pair",
    "encode",
    "load",
    "load_digits",
    "split",
]
