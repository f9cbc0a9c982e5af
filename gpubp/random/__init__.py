"""Random numbers from explicit keys, the same on every backend.

The generator is counter-based: an array is a pure function of a key. From one key ``bits``,
``uniform``, ``randint``, ``bernoulli``, ``permutation`` and ``choice`` are identical on every
backend, and ``normal`` within 8 units in the last place.
"""

from gpubp.random.continuous import normal, truncated_normal, uniform
from gpubp.random.discrete import bernoulli, bits, categorical, choice, permutation, randint
from gpubp.random.keys import fold_in, key, split

__all__ = [
    "bernoulli",
    "bits",
    "categorical",
    "choice",
    "fold_in",
    "key",
    "normal",
    "permutation",
    "randint",
    "split",
    "truncated_normal",
    "uniform",
]
